/** The latest bookings and cancellations, newest first. */
import { useTranslation } from 'react-i18next';
import type { Entry } from '../api/types';
import { clockText, isoDay, momentText, visitorZone } from '../format/time';
import { useLocale } from '../format/useFormat';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import { LiveChip } from './LiveChip';
import page from './Page.module.css';
import { isSale, keyOf, seatsOf } from './series';

const MOST_SHOWN = 10;

export function LatestSales({ entries, isLive }: { entries: readonly Entry[]; isLive: boolean }) {
  const { t } = useTranslation();
  const sales = entries.filter(isSale).slice(0, MOST_SHOWN);
  return (
    <section className={page.section}>
      <div className={page.head}>
        <h2>{t('organise.latest')}</h2>
        <LiveChip isLive={isLive} />
      </div>
      <div className={classes(controls.card, page.panel)}>
        {sales.length === 0 && <p className={page.soft}>{t('organise.latestEmpty')}</p>}
        <ul className={page.rows}>
          {sales.map((entry) => (
            <SaleRow key={keyOf(entry)} entry={entry} />
          ))}
        </ul>
      </div>
    </section>
  );
}

function SaleRow({ entry }: { entry: Entry }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const what = entry.name === 'event.booked' ? 'organise.booked' : 'organise.returned';
  return (
    <li className={classes(page.row, page.fresh)}>
      <span className={page.rowText}>
        <strong>{t(what, { count: seatsOf(entry) ?? 0 })}</strong>
        <br />
        <time dateTime={entry.time} className={page.soft}>
          {timeText(entry.time, locale)}
        </time>
      </span>
      <span className={page.number}>{t('organise.leftThen', { count: entry.seats_left ?? 0 })}</span>
    </li>
  );
}

/** Of today the clock is enough. */
function timeText(time: string, locale: string): string {
  const zone = visitorZone();
  const isToday = isoDay(time, zone) === isoDay(new Date().toISOString(), zone);
  return (isToday ? clockText : momentText)(time, zone, locale);
}
