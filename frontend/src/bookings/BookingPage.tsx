/** The page at `/b/{id}`: a booking as a ticket, to show or to print. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation, useParams } from 'react-router';
import { isNotFound } from '../api/problem';
import type { Booking, Event } from '../api/types';
import { eventQuery } from '../events/queries';
import { isolated } from '../format/names';
import { knownGuest } from '../guest';
import { Icon } from '../layout/Icon';
import { LoadFailed } from '../layout/LoadFailed';
import { Message } from '../layout/Message';
import { PageTitle } from '../layout/PageTitle';
import { PageSkeleton } from '../layout/Skeleton';
import controls from '../style/controls.module.css';
import styles from './BookingPage.module.css';
import { CancelBooking } from './CancelBooking';
import { Notice } from './Notice';
import { bookingQuery } from './queries';
import { canCancel, stateOf, type BookingState } from './state';
import { Ticket } from './Ticket';

export default function BookingPage() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const { data: booking, error, refetch } = useQuery(bookingQuery(id));
  const event = useQuery({ ...eventQuery(booking?.event_id ?? ''), enabled: booking !== undefined });
  if (isNotFound(error)) {
    return (
      <Message
        isPage
        icon="search"
        title={t('booking.missing')}
        text={t('booking.missingText')}
        link="events"
      />
    );
  }
  if (error !== null && booking === undefined) {
    return <LoadFailed title={t('booking.failed')} error={error} retry={() => void refetch()} />;
  }
  // A booking whose event cannot be had is still worth showing.
  if (booking === undefined || event.isPending) {
    return <PageSkeleton />;
  }
  return <BookingView key={booking.id} booking={booking} event={event.data} />;
}

function BookingView({ booking, event }: { booking: Booking; event: Event | undefined }) {
  const { t } = useTranslation();
  const [done, setDone] = useState('');
  const state = stateOf(booking, event);
  const { title, text } = useHeadline(state, booking);
  const name = isolated(booking.event_name);
  const isMine = booking.user_id === knownGuest();
  return (
    <div className={styles.page}>
      <header className={styles.head}>
        <PageTitle tab={t('booking.title')}>{title}</PageTitle>
        <p className={styles.text}>{text}</p>
      </header>
      {done !== '' && <Notice text={done} />}
      <Ticket booking={booking} event={event} state={state} />
      <div className={styles.actions}>
        <Link to={`/e/${booking.event_id}`} className={controls.quiet}>
          {t('booking.event')}
        </Link>
        <button
          type="button"
          className={controls.quiet}
          onClick={() => {
            window.print();
          }}
        >
          <Icon name="printer" size={18} />
          {t('booking.print')}
        </button>
        {isMine && canCancel(booking, event) && (
          <CancelBooking
            booking={booking}
            className={controls.plain}
            onDone={({ seats }) => {
              setDone(t('cancel.done', { count: seats, name }));
            }}
          />
        )}
      </div>
    </div>
  );
}

function useHeadline(state: BookingState, booking: Booking): { title: string; text: string } {
  const { t } = useTranslation();
  const { state: passed } = useLocation() as { state: { isFresh?: boolean } | null };
  if (state === 'cancelled') {
    return { title: t('booking.isCancelled'), text: t('booking.isCancelledText') };
  }
  if (state === 'eventCancelled') {
    return { title: t('booking.eventCancelled'), text: t('booking.eventCancelledText') };
  }
  if (booking.user_id !== knownGuest()) {
    return { title: t('booking.others'), text: t('booking.othersText') };
  }
  return passed?.isFresh === true
    ? { title: t('booking.fresh'), text: t('booking.freshText') }
    : { title: t('booking.title'), text: t('booking.text') };
}
