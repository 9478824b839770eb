/** Cancels a booking. Twice is the same as once, so it is tried again after what passes. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, dataOf } from '../api/client';
import { RETRIED } from '../api/problem';
import type { Booking } from '../api/types';
import { eventQuery } from '../events/queries';
import { availabilityQuery } from '../live/useLiveAvailability';
import { bookingQuery, myBookingsKey } from './queries';

export function useCancelBooking(booking: Booking, onDone: (cancelled: Booking) => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => dataOf(api.DELETE('/bookings/{id}', { params: { path: { id: booking.id } } })),
    ...RETRIED,
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
