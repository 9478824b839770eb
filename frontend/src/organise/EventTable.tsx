/** All events in a table; on a phone each of them is a card. */
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { isolated } from '../format/names';
import { knownZone, momentText, zoneText } from '../format/time';
import { useLocale } from '../format/useFormat';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import styles from './EventTable.module.css';
import type { EventSeats } from './overview';
import { SalesChip } from './SalesChip';

export function EventTable({ rows }: { rows: readonly EventSeats[] }) {
  const { t } = useTranslation();
  return (
    <div className={classes(controls.card, styles.frame)}>
      {/* Displayed as something else, a table would stop being one for screen readers without its roles. */}
      <table role="table" className={styles.table}>
        <caption className="visually-hidden">{t('organise.events')}</caption>
        <thead role="rowgroup" className={styles.head}>
          <tr role="row">
            <th role="columnheader" scope="col">
              {t('organise.event')}
            </th>
            <th role="columnheader" scope="col">
              {t('event.when')}
            </th>
            <th role="columnheader" scope="col" className={styles.number}>
              {t('organise.sold')}
            </th>
            <th role="columnheader" scope="col" className={styles.number}>
              {t('organise.left')}
            </th>
            <th role="columnheader" scope="col">
              {t('organise.status')}
            </th>
            <th role="columnheader" scope="col">
              <span className="visually-hidden">{t('organise.change')}</span>
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <Row key={row.event.id} {...row} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Only those are drawn anew whose seats have changed. */
const Row = memo(function Row({ event, sold, left, sales }: EventSeats) {
  const { t } = useTranslation();
  const locale = useLocale();
  const zone = knownZone(event.location?.time_zone);
  const start = event.start_time;
  return (
    <tr role="row" className={styles.row}>
      <th role="rowheader" scope="row" className={styles.event}>
        <Link to={`/organise/events/${event.id}`} dir="auto" className={styles.name}>
          {event.name}
        </Link>
        <span className={styles.place} dir="auto">
          {[event.location?.name, event.hall].filter(Boolean).join(', ')}
        </span>
      </th>
      <td role="cell" className={styles.time}>
        {momentText(start, zone, locale)} <span className={styles.zone}>{zoneText(start, zone, locale)}</span>
      </td>
      <td role="cell" className={styles.number} data-label={t('organise.sold')}>
        {sold.toLocaleString(locale)}
      </td>
      <td role="cell" className={styles.number} data-label={t('organise.left')}>
        {left?.toLocaleString(locale) ?? '–'}
      </td>
      <td role="cell" className={styles.status}>
        <SalesChip sales={sales} />
      </td>
      <td role="cell" className={styles.edit}>
        {sales !== 'cancelled' && (
          <Link
            to={`/organise/events/${event.id}/edit`}
            className={controls.plain}
            aria-label={t('organise.changeNamed', { name: isolated(event.name) })}
          >
            {t('organise.change')}
          </Link>
        )}
      </td>
    </tr>
  );
});
