/** How many seats are left, as a number and as a bar. */
import { useTranslation } from 'react-i18next';
import styles from './SeatsMeter.module.css';

export function SeatsMeter({ left, total }: { left: number; total: number | undefined }) {
  const { t } = useTranslation();
  const text =
    total === undefined ? t('sales.left', { count: left }) : t('sales.leftOf', { count: left, total });
  return (
    <div className={styles.meter}>
      {/* A new key for each number: it fades in, so that the eye sees a change. */}
      <p key={left} className={styles.text}>
        {text}
      </p>
      <progress className={styles.bar} value={left} max={Math.max(1, total ?? left)} aria-hidden="true" />
    </div>
  );
}
