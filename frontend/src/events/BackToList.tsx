/** The way back to the list: for those who came from there to where they were in it, with their search. */
import { useTranslation } from 'react-i18next';
import { Link, useLocation, useNavigate } from 'react-router';
import { Icon } from '../layout/Icon';
import styles from './BackToList.module.css';

/** What links of the list leave in the browser's history. */
export const FROM_LIST = { isFromList: true };

export function BackToList() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { state } = useLocation() as { state: Partial<typeof FROM_LIST> | null };
  return (
    <Link
      to="/"
      className={styles.back}
      onClick={(click) => {
        if (state?.isFromList === true) {
          click.preventDefault();
          void navigate(-1);
        }
      }}
    >
      <Icon name="back" size={18} />
      {t('event.back')}
    </Link>
  );
}
