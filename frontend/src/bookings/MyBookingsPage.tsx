/** The page at `/me`: the bookings that were made in this browser. */
import { useInfiniteQuery, useQueries } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Booking, Event } from '../api/types';
import { MoreButton } from '../events/MoreButton';
import { eventQuery } from '../events/queries';
import { isolated } from '../format/names';
import { knownGuest } from '../guest';
import { LoadFailed } from '../layout/LoadFailed';
import { Message } from '../layout/Message';
import { PageTitle } from '../layout/PageTitle';
import { Bone, LoadingText } from '../layout/Skeleton';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import { BookingRow } from './BookingRow';
import styles from './MyBookingsPage.module.css';
import { Notice } from './Notice';
import { myBookingsQuery } from './queries';
import { stateOf } from './state';

export default function MyBookingsPage() {
  const { t } = useTranslation();
  const guest = knownGuest();
  return (
    <div className={styles.page}>
      <header className={styles.head}>
        <PageTitle tab={t('mine.title')}>{t('mine.title')}</PageTitle>
        <p className={styles.soft}>{t('mine.text')}</p>
      </header>
      {guest === undefined ? <NoBookings /> : <Bookings guest={guest} />}
    </div>
  );
}

function NoBookings() {
  const { t } = useTranslation();
  return <Message title={t('mine.empty')} text={t('mine.emptyText')} link="events" />;
}

function Bookings({ guest }: { guest: string }) {
  const { t } = useTranslation();
  const query = useInfiniteQuery(myBookingsQuery(guest));
  const bookings = query.data?.pages.flatMap((page) => page.items) ?? [];
  const { events, coming } = useEventsOf(bookings);
  // Before its event is there nobody knows whether a booking is past.
  const shown = bookings.filter(({ event_id: id }) => !coming.has(id));
  if (query.isError && query.data === undefined) {
    return (
      <LoadFailed
        isPage={false}
        title={t('mine.failed')}
        error={query.error}
        retry={() => void query.refetch()}
      />
    );
  }
  if (query.isPending || (shown.length === 0 && bookings.length > 0)) {
    return <BookingsSkeleton />;
  }
  if (bookings.length === 0) {
    return <NoBookings />;
  }
  return (
    <>
      <BookingSections bookings={shown} events={events} />
      {query.hasNextPage && (
        <MoreButton
          isLoading={query.isFetchingNextPage}
          hasFailed={query.isFetchNextPageError}
          onMore={() => void query.fetchNextPage()}
        />
      )}
    </>
  );
}

type Events = ReadonlyMap<string, Event>;

function useEventsOf(bookings: Booking[]): { events: Events; coming: ReadonlySet<string> } {
  const ids = [...new Set(bookings.map((booking) => booking.event_id))];
  const replies = useQueries({ queries: ids.map(eventQuery) });
  const events = replies.flatMap(({ data }) => (data === undefined ? [] : [[data.id, data] as const]));
  const coming = ids.filter((_, index) => replies[index]?.isPending);
  return { events: new Map(events), coming: new Set(coming) };
}

function BookingSections({ bookings, events }: { bookings: Booking[]; events: Events }) {
  const { t } = useTranslation();
  const [done, setDone] = useState('');
  const isAhead = (booking: Booking) => stateOf(booking, events.get(booking.event_id)) === 'valid';
  const ahead = bookings.filter(isAhead).sort(byStart(events));
  const behind = bookings.filter((booking) => !isAhead(booking));
  const row = (booking: Booking) => (
    <BookingRow
      key={booking.id}
      booking={booking}
      event={events.get(booking.event_id)}
      onCancelled={({ seats, event_name: name }) => {
        setDone(t('cancel.done', { count: seats, name: isolated(name) }));
      }}
    />
  );
  return (
    <>
      {done !== '' && <Notice text={done} />}
      <section className={styles.section}>
        <h2>{t('mine.upcoming')}</h2>
        {ahead.length === 0 && <p className={styles.soft}>{t('mine.noUpcoming')}</p>}
        <ul className={styles.rows}>{ahead.map(row)}</ul>
      </section>
      {behind.length > 0 && (
        <section className={styles.section}>
          <h2>{t('mine.past')}</h2>
          <ul className={styles.rows}>{behind.map(row)}</ul>
        </section>
      )}
    </>
  );
}

/** What comes next comes first. */
function byStart(events: Events): (one: Booking, other: Booking) => number {
  const start = (booking: Booking) => events.get(booking.event_id)?.start_time ?? '';
  return (one, other) => start(one).localeCompare(start(other));
}

function BookingsSkeleton() {
  return (
    <div className={styles.section}>
      <LoadingText />
      <Bone shape="shortLine" />
      {[1, 2].map((row) => (
        <div key={row} className={classes(controls.card, styles.rowSkeleton)}>
          <Bone shape="line" />
          <Bone shape="shortLine" />
        </div>
      ))}
    </div>
  );
}
