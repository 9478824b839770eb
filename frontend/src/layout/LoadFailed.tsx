/** For a page whose content did not come: what happened in words, and another try. */
import { useTranslation } from 'react-i18next';
import { problemText } from '../texts/problemText';
import { Message } from './Message';

interface Props {
  title: string;
  error: unknown;
  retry: () => void;
  isPage?: boolean;
}

export function LoadFailed({ title, error, retry, isPage = true }: Props) {
  const { t } = useTranslation();
  const action = { text: t('app.retry'), run: retry };
  return <Message isPage={isPage} icon="cloud" title={title} text={problemText(t, error)} action={action} />;
}
