/** What stands where there is nothing to show: nothing found, nothing yet, nothing to be had. */
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import controls from '../style/controls.module.css';
import { Icon, type IconName } from './Icon';
import styles from './Message.module.css';
import { PageTitle } from './PageTitle';

interface Props {
  title: string;
  text: string;
  icon?: IconName;
  /** The message is all that the page has. */
  isPage?: boolean;
  /** A link to the list of events. */
  link?: 'events' | undefined;
  action?: { text: string; run: () => void } | undefined;
}

export function Message({ title, text, icon = 'ticket', isPage = false, link, action }: Props) {
  const { t } = useTranslation();
  return (
    <div className={styles.message}>
      <span className={styles.icon}>
        <Icon name={icon} size={28} />
      </span>
      {isPage ? (
        <PageTitle tab={title} className={styles.title}>
          {title}
        </PageTitle>
      ) : (
        <h2>{title}</h2>
      )}
      <p className={styles.text}>{text}</p>
      {action !== undefined && (
        <button type="button" className={controls.quiet} onClick={action.run}>
          {action.text}
        </button>
      )}
      {link === 'events' && (
        <Link to="/" className={controls.quiet}>
          {t('missing.back')}
        </Link>
      )}
    </div>
  );
}
