/** For addresses that lead nowhere. */
import { useTranslation } from 'react-i18next';
import { Message } from './Message';

export function MissingPage() {
  const { t } = useTranslation();
  return <Message isPage icon="search" title={t('missing.title')} text={t('missing.text')} link="events" />;
}
