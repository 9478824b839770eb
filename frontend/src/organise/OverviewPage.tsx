/** The page at `/organise`: all events to come, and what is being sold right now. */
import { useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import { useCallback, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { MOST_ITEMS } from '../api/allPages';
import { useLocale } from '../format/useFormat';
import { NO_SEATS } from '../live/useLiveSeats';
import { useStreamBreaks } from '../live/useStreamBreaks';
import { LoadFailed } from '../layout/LoadFailed';
import { Message } from '../layout/Message';
import { PageTitle } from '../layout/PageTitle';
import controls from '../style/controls.module.css';
import { problemText } from '../texts/problemText';
import { Busiest } from './Busiest';
import { eventsCsv } from './csv';
import { EventTable } from './EventTable';
import { isToCome, seatsOfEvents, totalsOf, type EventSeats } from './overview';
import page from './Page.module.css';
import { organisedKey, organisedQuery, salesQuery } from './queries';
import { RowsSkeleton } from './RowsSkeleton';
import { saveCsv } from './saveCsv';
import { SalesCharts } from './SalesCharts';
import { hourlyRate, type Hour } from './series';
import { Stats } from './Stats';
import { Ticker } from './Ticker';
import { useTicker } from './useTicker';

const POLL_MS = 15_000;
const HOURS_LATE = 6;

export function OverviewPage() {
  const { t } = useTranslation();
  return (
    <div className={page.page}>
      <header className={page.head}>
        <PageTitle tab={t('organise.overview')}>{t('organise.title')}</PageTitle>
        <Link to="/organise/events/new" className={controls.primary}>
          {t('organise.newEvent')}
        </Link>
      </header>
      <Overview />
    </div>
  );
}

function Overview() {
  const { t } = useTranslation();
  const [isAll, setAll] = useState(false);
  const client = useQueryClient();
  const refresh = useCallback(() => void client.invalidateQueries({ queryKey: organisedKey }), [client]);
  const stream = useStreamBreaks(refresh);
  const { seats: told, ticks } = useTicker(refresh, stream.onLive);
  const { isLive } = stream;
  const options = { refetchInterval: isLive ? (false as const) : POLL_MS };
  const open = useQuery({ ...organisedQuery('open'), ...options });
  const all = useQuery({ ...organisedQuery('all'), ...options, enabled: isAll });
  const sales = useQuery(salesQuery());
  const seats = stream.counts(open.dataUpdatedAt) ? told : NO_SEATS;
  if (open.isPending) {
    return <RowsSkeleton />;
  }
  if (open.data === undefined) {
    return (
      <LoadFailed
        isPage={false}
        title={t('list.failed')}
        error={open.error}
        retry={() => void open.refetch()}
      />
    );
  }
  const toCome = seatsOfEvents(open.data, seats).filter(isToCome);
  const shown = isAll && all.data !== undefined ? seatsOfEvents(all.data, seats) : toCome;
  return (
    <>
      <Totals rows={toCome} hours={sales.data} now={sales.dataUpdatedAt} />
      <div className={page.columns}>
        <SalesCharts sales={sales} />
        <div className={page.page}>
          <Ticker ticks={ticks} isLive={isLive} />
          <Busiest rows={toCome} />
        </div>
      </div>
      <EventsSection
        rows={shown}
        isCutOff={open.data.length >= MOST_ITEMS}
        all={all}
        isAll={isAll}
        onAll={setAll}
      />
    </>
  );
}

interface SectionProps {
  rows: readonly EventSeats[];
  isCutOff: boolean;
  all: UseQueryResult<unknown>;
  isAll: boolean;
  onAll: (isAll: boolean) => void;
}

function EventsSection({ rows, isCutOff, all, isAll, onAll }: SectionProps) {
  const { t } = useTranslation();
  return (
    <section className={page.section}>
      <div className={page.head}>
        <h2>{t('organise.events')}</h2>
        <div className={page.actions}>
          <ExportEvents rows={rows} />
          <AllSwitch isAll={isAll} isLoading={isAll && all.isPending} onChange={onAll} />
        </div>
      </div>
      {isAll && all.isError && (
        <p role="alert" className={controls.alert}>
          {problemText(t, all.error)}
        </p>
      )}
      {rows.length === 0 ? (
        <Message icon="calendar" title={t('list.empty')} text={t('organise.emptyText')} />
      ) : (
        <EventTable rows={rows} />
      )}
      {isCutOff && <p className={page.soft}>{t('organise.eventsShown', { count: MOST_ITEMS })}</p>}
    </section>
  );
}

interface TotalsProps {
  rows: readonly EventSeats[];
  hours: readonly Hour[] | undefined;
  now: number;
}

function Totals({ rows, hours, now }: TotalsProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const totals = totalsOf(rows);
  const number = (value: number) => value.toLocaleString(locale, { maximumFractionDigits: 1 });
  return (
    <Stats
      stats={[
        { label: t('organise.toCome'), value: number(totals.events) },
        { label: t('organise.sold'), value: number(totals.sold) },
        { label: t('organise.left'), value: number(totals.left) },
        {
          label: t('organise.perHour'),
          value: hours === undefined ? '–' : number(hourlyRate(hours, now, HOURS_LATE)),
          note: t('organise.perHourNote', { count: HOURS_LATE }),
        },
      ]}
    />
  );
}

function ExportEvents({ rows }: { rows: readonly EventSeats[] }) {
  const { t } = useTranslation();
  return (
    <button
      type="button"
      className={controls.quiet}
      onClick={() => {
        saveCsv(eventsCsv(rows), 'events.csv');
      }}
    >
      {t('organise.exportEvents')}
    </button>
  );
}

interface SwitchProps {
  isAll: boolean;
  isLoading: boolean;
  onChange: (isAll: boolean) => void;
}

function AllSwitch({ isAll, isLoading, onChange }: SwitchProps) {
  const { t } = useTranslation();
  return (
    <button
      type="button"
      className={controls.quiet}
      aria-busy={isLoading}
      onClick={() => {
        onChange(!isAll);
      }}
    >
      {t(isAll ? 'organise.showToCome' : 'organise.showAll')}
    </button>
  );
}
