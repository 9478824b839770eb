/** In a few words whether an event can be booked: seats left, or why not. */
import { useTranslation } from 'react-i18next';
import type { Availability, Event } from '../api/types';
import { visitorMoment } from '../format/time';
import { useLocale } from '../format/useFormat';
import controls from '../style/controls.module.css';
import { areFew, salesOf, seatsLeft } from './sales';
import styles from './SeatsBadge.module.css';

export function SeatsBadge({ event, live }: { event: Event; live: Availability | undefined }) {
  return (
    <div className={styles.badge}>
      <Words event={event} live={live} />
    </div>
  );
}

function Words({ event, live }: { event: Event; live: Availability | undefined }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const sales = salesOf(event, live);
  if (sales === 'on_sale') {
    return <SeatsLeft left={seatsLeft(event, live) ?? 0} />;
  }
  if (sales === 'cancelled') {
    return <p className={controls.chipDanger}>{t('sales.cancelled')}</p>;
  }
  const start = event.sales_start;
  if (sales === 'not_started' && typeof start === 'string') {
    const time = visitorMoment(start, event.location?.time_zone, locale);
    return <p className={controls.chip}>{t('sales.startsAt', { time })}</p>;
  }
  return <p className={controls.chip}>{t(`sales.${sales}`)}</p>;
}

function SeatsLeft({ left }: { left: number }) {
  const { t } = useTranslation();
  const text = t('sales.left', { count: left });
  return <p className={areFew(left) ? controls.chipAccent : styles.left}>{text}</p>;
}
