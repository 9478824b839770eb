/** The page at `/organise`: all events to come, and what is being sold right now. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useLocale } from '../format/useFormat';
import { LoadFailed } from '../layout/LoadFailed';
import { Message } from '../layout/Message';
import { PageTitle } from '../layout/PageTitle';
import controls from '../style/controls.module.css';
import { Busiest } from './Busiest';
import { EventTable } from './EventTable';
import { isToCome, seatsOfEvents, totalsOf, type EventSeats } from './overview';
import page from './Page.module.css';
import { organisedKey, organisedQuery } from './queries';
import { RowsSkeleton } from './RowsSkeleton';
import { Stats } from './Stats';
import { Ticker } from './Ticker';
import { useTicker } from './useTicker';

const POLL_MS = 15_000;

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
  const { seats, ticks, isLive } = useTicker(refresh);
  const options = { refetchInterval: isLive ? (false as const) : POLL_MS };
  const open = useQuery({ ...organisedQuery('open'), ...options });
  const all = useQuery({ ...organisedQuery('all'), ...options, enabled: isAll });
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
      <Totals rows={toCome} />
      <div className={page.columns}>
        <Busiest rows={toCome} />
        <Ticker ticks={ticks} isLive={isLive} />
      </div>
      <section className={page.section}>
        <div className={page.head}>
          <h2>{t('organise.events')}</h2>
          <AllSwitch isAll={isAll} isLoading={isAll && all.isPending} onChange={setAll} />
        </div>
        {shown.length === 0 ? (
          <Message icon="calendar" title={t('list.empty')} text={t('organise.emptyText')} />
        ) : (
          <EventTable rows={shown} />
        )}
      </section>
    </>
  );
}

function Totals({ rows }: { rows: readonly EventSeats[] }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const totals = totalsOf(rows);
  const number = (value: number) => value.toLocaleString(locale);
  return (
    <Stats
      stats={[
        { label: t('organise.toCome'), value: number(totals.events) },
        { label: t('organise.sold'), value: number(totals.sold) },
        { label: t('organise.left'), value: number(totals.left) },
      ]}
    />
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
