/** Seats and one button. */
import { useLayoutEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError } from '../api/problem';
import type { Availability, Event } from '../api/types';
import controls from '../style/controls.module.css';
import { problemText } from '../texts/problemText';
import styles from './BookingForm.module.css';
import { mostSeats, seatsLeft, seatsWithin, USUAL_MOST } from './sales';
import { SeatField } from './SeatField';
import type { SeatBooking } from './useBooking';

interface Props {
  event: Event;
  live: Availability | undefined;
  booking: SeatBooking;
  /** Called when it goes: whether it had the focus. It stays the same function. */
  onGone: (hadFocus: boolean) => void;
}

export function BookingForm({ event, live, booking, onGone }: Props) {
  const { t } = useTranslation();
  const form = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => {
    const shown = form.current;
    return () => {
      onGone(shown?.contains(document.activeElement) ?? false);
    };
  }, [onGone]);
  const [wanted, setWanted] = useState(1);
  const left = fewest(seatsLeft(event, live), leftByRefusal(booking.error));
  const limit = live?.max_seats_per_booking ?? event.max_seats_per_booking ?? USUAL_MOST;
  const most = mostSeats(limit, left);
  const seats = booking.isSaving ? booking.seats : seatsWithin(wanted, most);
  return (
    <form
      ref={form}
      className={styles.form}
      onSubmit={(submit) => {
        submit.preventDefault();
        booking.book(seats);
      }}
    >
      <SeatField
        seats={seats}
        most={Math.max(most, seats)}
        hint={seats === left ? t('book.allLeft', { count: seats }) : t('book.most', { count: limit })}
        isFixed={booking.isSaving}
        onChange={(changed) => {
          booking.forget();
          setWanted(changed);
        }}
      />
      <button type="submit" className={controls.primary} aria-disabled={booking.isSaving}>
        {booking.isSaving ? t('book.saving') : t('book.submit', { count: seats })}
      </button>
      <Outcome booking={booking} />
      <p className={styles.note}>{t('book.note')}</p>
    </form>
  );
}

function Outcome({ booking }: { booking: SeatBooking }) {
  const { t } = useTranslation();
  return (
    <div role="status" className={styles.outcome}>
      {booking.isRetrying && <p className={controls.notice}>{t('book.retrying')}</p>}
      <Refusal error={booking.error} />
    </div>
  );
}

/** Why the last attempt has not led to a booking, if it has not. */
export function Refusal({ error }: { error: Error | null }) {
  const { t } = useTranslation();
  return error === null ? null : <p className={controls.alert}>{problemText(t, error)}</p>;
}

/** A refusal knows what is left better than what was shown before it. */
function leftByRefusal(error: unknown): number | undefined {
  return error instanceof ApiError && error.kind === 'not-enough-seats'
    ? error.members.seats_left
    : undefined;
}

function fewest(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}
