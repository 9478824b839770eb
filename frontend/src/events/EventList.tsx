/** The events that were found, by day, more of them as one scrolls; and what is shown where there are none. */
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { LoadFailed } from '../layout/LoadFailed';
import { Message } from '../layout/Message';
import { LoadingText } from '../layout/Skeleton';
import { NO_SEATS, useLiveSeats } from '../live/useLiveSeats';
import { useStreamBreaks } from '../live/useStreamBreaks';
import { classes } from '../style/classes';
import { CalmStatus } from './CalmStatus';
import { DaySkeleton, EventDays } from './EventDays';
import styles from './EventList.module.css';
import { areAny, NO_FILTERS, type Filters } from './filters';
import { MoreButton } from './MoreButton';
import { eventsQuery } from './queries';

/** Seats are asked for this often where they do not come by stream. */
const POLL_MS = 15_000;
/** And this often where they do: no stream tells of what time alone changes. */
const CLOCK_MS = 60_000;

interface Props {
  filters: Filters;
  onChange: (changed: Partial<Filters>) => void;
}

export function EventList({ filters, onChange }: Props) {
  const { t } = useTranslation();
  const { query, events, seats } = useEvents(filters);
  if (query.isPending) {
    return <ListSkeleton />;
  }
  if (query.isError && events.length === 0) {
    return (
      <LoadFailed
        isPage={false}
        title={t('list.failed')}
        error={query.error}
        retry={() => void query.refetch()}
      />
    );
  }
  return (
    <section aria-label={t('list.events')} aria-busy={query.isPlaceholderData}>
      <CalmStatus text={t('list.shown', { count: events.length })} />
      <div className={classes(styles.results, query.isPlaceholderData && styles.stale)}>
        {events.length === 0 && <NothingFound filters={filters} onChange={onChange} />}
        <EventDays events={events} seats={seats} />
      </div>
      {query.hasNextPage && (
        <MoreButton
          isLoading={query.isFetchingNextPage}
          hasFailed={query.isFetchNextPageError}
          onMore={() => void query.fetchNextPage()}
        />
      )}
    </section>
  );
}

function useEvents(filters: Filters) {
  const client = useQueryClient();
  const { queryKey } = eventsQuery(filters);
  const stream = useStreamBreaks(() => void client.invalidateQueries({ queryKey }));
  const interval = stream.isLive ? CLOCK_MS : POLL_MS;
  const query = useInfiniteQuery({ ...eventsQuery(filters), refetchInterval: interval });
  const events = query.data?.pages.flatMap((page) => page.items) ?? [];
  const seats = useLiveSeats(
    events.map((event) => event.id),
    stream.onLive,
  );
  return { query, events, seats: stream.counts(query.dataUpdatedAt) ? seats : NO_SEATS };
}

function NothingFound({ filters, onChange }: Props) {
  const { t } = useTranslation();
  if (!areAny(filters)) {
    return <Message icon="calendar" title={t('list.empty')} text={t('list.emptyText')} />;
  }
  const reset = {
    text: t('list.reset'),
    run: () => {
      onChange(NO_FILTERS);
    },
  };
  return <Message icon="search" title={t('list.noMatch')} text={t('list.noMatchText')} action={reset} />;
}

function ListSkeleton() {
  return (
    <>
      <LoadingText />
      <DaySkeleton rows={2} />
      <DaySkeleton rows={3} />
    </>
  );
}
