/** What changes while one looks on, newest first. */
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { CalmStatus } from '../events/CalmStatus';
import { isolated } from '../format/names';
import { clockText, visitorZone } from '../format/time';
import { useLocale } from '../format/useFormat';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import { LiveChip } from './LiveChip';
import page from './Page.module.css';
import type { Tick } from './useTicker';

export function Ticker({ ticks, isLive }: { ticks: readonly Tick[]; isLive: boolean }) {
  const { t } = useTranslation();
  const newest = ticks[0];
  const said = (tick: Tick) =>
    `${t(`organise.tick.${tick.kind}`, { count: tick.seats })}, ${isolated(tick.eventName)}`;
  return (
    <section className={page.section}>
      <div className={page.head}>
        <h2>{t('organise.ticker')}</h2>
        <LiveChip isLive={isLive} />
      </div>
      <CalmStatus text={newest === undefined ? '' : said(newest)} />
      <div className={classes(controls.card, page.panel)}>
        {ticks.length === 0 && <p className={page.soft}>{t('organise.tickerEmpty')}</p>}
        <ul className={page.rows}>
          {ticks.map((tick) => (
            <TickRow key={tick.key} tick={tick} />
          ))}
        </ul>
      </div>
    </section>
  );
}

function TickRow({ tick }: { tick: Tick }) {
  const { t } = useTranslation();
  const locale = useLocale();
  return (
    <li className={classes(page.row, page.fresh)}>
      <span className={page.rowText}>
        <strong>{t(`organise.tick.${tick.kind}`, { count: tick.seats })}</strong>
        {' · '}
        <Link to={`/organise/events/${tick.eventId}`} dir="auto">
          {tick.eventName}
        </Link>
      </span>
      <time dateTime={tick.time} className={page.number}>
        {clockText(tick.time, visitorZone(), locale)}
      </time>
    </li>
  );
}
