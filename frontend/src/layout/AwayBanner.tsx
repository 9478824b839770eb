/** Says so while the server cannot be reached. It lies over the page, so that nothing moves when it comes and goes. */
import { useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { serverIsAway, watchServer } from '../api/server';
import styles from './AwayBanner.module.css';

export function AwayBanner() {
  const { t } = useTranslation();
  const isAway = useSyncExternalStore(watchServer, serverIsAway);
  return (
    <div role="status" className={styles.place}>
      {isAway && <p className={styles.banner}>{t('app.away')}</p>}
    </div>
  );
}
