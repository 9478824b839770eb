/** Numbers, charts and the latest bookings of one event, all from its history, as it grows. */
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Entry, Event } from '../api/types';
import { CalmStatus } from '../events/CalmStatus';
import { useLocale } from '../format/useFormat';
import { LoadFailed } from '../layout/LoadFailed';
import { LoadingText } from '../layout/Skeleton';
import { CardSkeletons } from './CardSkeletons';
import { LatestSales } from './LatestSales';
import page from './Page.module.css';
import { SalesChip } from './SalesChip';
import { hourlySales, isCutOff, newestSeats, ratePerHour, salesNow, seriesOf } from './series';
import { SoldByHour, SoldOverTime } from './SoldCharts';
import { Stats } from './Stats';
import { useHistory } from './useHistory';

const MINUTE_MS = 60_000;
const HOURS_SHOWN = 24;
const HOURS_LATE = 6;

export function SalesBoard({ event }: { event: Event }) {
  const { t } = useTranslation();
  const history = useHistory(event.id);
  if (history.isPending) {
    return (
      <>
        <LoadingText />
        <CardSkeletons />
      </>
    );
  }
  if (history.data === undefined) {
    return (
      <LoadFailed
        isPage={false}
        title={t('organise.historyFailed')}
        error={history.error}
        retry={() => void history.refetch()}
      />
    );
  }
  return <Board event={event} entries={history.data} isLive={history.isLive} />;
}

interface Props {
  event: Event;
  entries: readonly Entry[];
  isLive: boolean;
}

function Board({ event, entries, isLive }: Props) {
  const { t } = useTranslation();
  const now = useMinute(entries);
  const points = seriesOf(entries);
  return (
    <>
      <Numbers event={event} entries={entries} now={now} />
      <div className={page.columns}>
        <div className={page.section}>
          <SoldOverTime
            title={t('organise.overTime')}
            isEmpty={points.length === 0}
            points={points}
            now={now}
          />
          <SoldByHour hours={hourlySales(entries, now, HOURS_SHOWN)} />
          {isCutOff(entries) && (
            <p className={page.soft}>{t('organise.entriesShown', { count: entries.length })}</p>
          )}
        </div>
        <LatestSales entries={entries} isLive={isLive} />
      </div>
    </>
  );
}

function Numbers({ event, entries, now }: { event: Event; entries: readonly Entry[]; now: number }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const seats = newestSeats(entries);
  const sold = seats?.seats_sold ?? event.seats_sold;
  const left = seats?.seats_left ?? event.seats_left ?? undefined;
  const capacity = seats?.capacity ?? event.capacity ?? undefined;
  const over = Math.max(0, sold - (capacity ?? sold));
  const number = (value: number) => value.toLocaleString(locale, { maximumFractionDigits: 1 });
  const leftText = left === undefined ? '–' : number(left);
  const stats = [
    {
      label: t('organise.sold'),
      value: number(sold),
      note: capacity === undefined ? undefined : t('organise.ofCapacity', { count: capacity }),
    },
    {
      label: t('organise.left'),
      value: leftText,
      note: over > 0 ? t('organise.oversold', { count: over }) : undefined,
    },
    { label: t('organise.lastHour'), value: number(ratePerHour(entries, now, 1)) },
    {
      label: t('organise.perHour'),
      value: number(ratePerHour(entries, now, HOURS_LATE)),
      note: t('organise.perHourNote', { count: HOURS_LATE }),
    },
  ];
  return (
    <section className={page.section}>
      <p>
        <SalesChip sales={salesNow(event, seats, now)} />
      </p>
      <CalmStatus text={t('organise.seatsNow', { sold: number(sold), left: leftText })} />
      <Stats stats={stats} />
    </section>
  );
}

/** The time of the newest entry or a later one: rates fall with time even where nothing happens. */
function useMinute(entries: readonly Entry[]): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => {
      setNow(Date.now());
    }, MINUTE_MS);
    return () => {
      window.clearInterval(timer);
    };
  }, []);
  return Math.max(now, ...entries.slice(0, 1).map((entry) => Date.parse(entry.time)));
}
