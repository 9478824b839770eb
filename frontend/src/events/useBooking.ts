/**
 * Books, exactly once.
 *
 * What is tried again after a failure that passes, by itself or by the visitor, carries the same Idempotency-Key, so a
 * booking whose reply was lost is found instead of made again. A double click is one attempt, and so is that of a visitor
 * who leaves while it is under way, comes back and asks for the same.
 */
import { useMutation, useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { useNavigate } from 'react-router';
import { api, dataOf } from '../api/client';
import { isPassing, retriedUpTo } from '../api/problem';
import type { Booking } from '../api/types';
import { bookingQuery, myBookingsKey } from '../bookings/queries';
import { guest, randomHex } from '../guest';
import { availabilityQuery } from '../live/useLiveAvailability';
import { eventQuery } from './queries';

const MOST_RETRIES = 6;

interface Attempt {
  seats: number;
  key: string;
}

/** By event: of which nobody knows yet what has become. */
const attempts = new Map<string, Attempt>();

export type SeatBooking = ReturnType<typeof useBooking>;

export function useBooking(eventId: string) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const isUnderway = useRef(false);
  const mutation = useMutation({
    mutationFn: (tried: Attempt) => bookSeats(eventId, tried),
    ...retriedUpTo(MOST_RETRIES),
    onSuccess: (booking) => {
      attempts.delete(eventId);
      keepBooking(client, booking);
    },
    onError: (error) => {
      if (!isPassing(error)) {
        attempts.delete(eventId);
      }
      void client.invalidateQueries(availabilityQuery(eventId));
      void client.invalidateQueries(eventQuery(eventId));
    },
    onSettled: () => {
      isUnderway.current = false;
    },
  });
  const book = (seats: number) => {
    if (isUnderway.current) {
      return;
    }
    isUnderway.current = true;
    const known = attempts.get(eventId);
    const attempt = known?.seats === seats ? known : { seats, key: randomHex(16) };
    attempts.set(eventId, attempt);
    // Given here, this happens only while the visitor is still on the page.
    mutation.mutate(attempt, { onSuccess: (booking) => void showBooking(navigate, booking) });
  };
  /** Takes the error of the last attempt away. */
  const forget = () => {
    if (!isUnderway.current) {
      mutation.reset();
    }
  };
  return {
    book,
    forget,
    /** As many as are asked for while it is saving. */
    seats: mutation.variables?.seats ?? 1,
    // While the page of the booking is loaded there is nothing to do here any more.
    isSaving: mutation.isPending || mutation.isSuccess,
    isRetrying: mutation.isPending && mutation.failureCount > 0,
    error: mutation.error,
  };
}

function bookSeats(eventId: string, { seats, key }: Attempt): Promise<Booking> {
  return dataOf(
    api.POST('/events/{id}/bookings', {
      params: { path: { id: eventId }, header: { 'Idempotency-Key': key } },
      body: { seats, user_id: guest() },
    }),
  );
}

function keepBooking(client: QueryClient, booking: Booking): void {
  client.setQueryData(bookingQuery(booking.id).queryKey, booking);
  void client.invalidateQueries({ queryKey: myBookingsKey });
  void client.invalidateQueries(availabilityQuery(booking.event_id));
  void client.invalidateQueries(eventQuery(booking.event_id));
}

function showBooking(navigate: ReturnType<typeof useNavigate>, booking: Booking): void | Promise<void> {
  return navigate(`/b/${booking.id}`, { state: { isFresh: true } });
}
