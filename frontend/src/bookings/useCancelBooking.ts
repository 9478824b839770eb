/** Cancels a booking. Twice is the same as once, so it is tried again after what passes. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, dataOf } from '../api/client';
import { isPassing, waitBeforeRetry } from '../api/problem';
import type { Booking } from '../api/types';
import { eventQuery } from '../events/queries';
import { availabilityQuery } from '../live/useLiveAvailability';
import { bookingQuery, myBookingsKey } from './queries';

const MOST_RETRIES = 3;

export function useCancelBooking(booking: Booking, onDone: (cancelled: Booking) => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => dataOf(api.DELETE('/bookings/{id}', { params: { path: { id: booking.id } } })),
    retry: (failures, error) => failures < MOST_RETRIES && isPassing(error),
    retryDelay: waitBeforeRetry,
    onSuccess: async (cancelled) => {
      client.setQueryData(bookingQuery(booking.id).queryKey, cancelled);
      void client.invalidateQueries(eventQuery(booking.event_id));
      void client.invalidateQueries(availabilityQuery(booking.event_id));
      // Awaited: when the dialog closes, the list behind it is right.
      await client.invalidateQueries({ queryKey: myBookingsKey });
      onDone(cancelled);
    },
  });
}
