/** A booking with its event and its code. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Booking, Event } from '../api/types';
import { EventFacts } from '../events/EventFacts';
import { momentText, visitorZone } from '../format/time';
import { useLocale } from '../format/useFormat';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import { QrCode } from './QrCode';
import { StateChip } from './StateChip';
import type { BookingState } from './state';
import styles from './Ticket.module.css';

interface Props {
  booking: Booking;
  event: Event | undefined;
  state: BookingState;
}

export function Ticket({ booking, event, state }: Props) {
  const { t } = useTranslation();
  // Where it opens no door there is no code to show.
  const hasCode = state === 'valid' || state === 'over';
  return (
    <article className={classes(controls.card, styles.ticket)}>
      <div className={styles.text}>
        <StateChip state={state} />
        <h2 dir="auto">{event?.name ?? booking.event_name}</h2>
        {event !== undefined && <EventFacts event={event} />}
        <Details booking={booking} />
      </div>
      {hasCode && (
        <div className={styles.code}>
          <QrCode text={`${window.location.origin}/b/${booking.id}`} label={t('booking.qr')} />
        </div>
      )}
    </article>
  );
}

function Details({ booking }: { booking: Booking }) {
  const { t } = useTranslation();
  const bookedAt = momentText(booking.date, visitorZone(), useLocale());
  return (
    <dl className={styles.details}>
      <Detail label={t('booking.seatsLabel')}>{t('booking.seats', { count: booking.seats })}</Detail>
      <Detail label={t('booking.bookedAt')}>{bookedAt}</Detail>
      <Detail label={t('booking.number')}>
        <span className={styles.number}>{booking.id}</span>
      </Detail>
    </dl>
  );
}

function Detail({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div>
      <dt className={styles.label}>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}
