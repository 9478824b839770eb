/**
 * For what we did not expect: an error while a page is shown, or a part of the page that cannot be loaded, mostly
 * because a newer version has replaced it on the server. Reloading brings that one.
 */
import { useTranslation } from 'react-i18next';
import { Message } from './Message';

export function BrokenPage() {
  const { t } = useTranslation();
  const reload = {
    text: t('app.reload'),
    run: () => {
      window.location.reload();
    },
  };
  return <Message isPage icon="cloud" title={t('broken.title')} text={t('broken.text')} action={reload} />;
}
