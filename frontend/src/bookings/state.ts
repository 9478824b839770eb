/** What a booking is worth. */
import type { Booking, Event } from '../api/types';

export type BookingState = 'valid' | 'over' | 'cancelled' | 'eventCancelled';

/** Without its event, as long as that is on its way, a booking counts as one to come. */
export function stateOf(booking: Booking, event: Event | undefined, now = new Date()): BookingState {
  if (booking.status === 'cancelled') {
    return 'cancelled';
  }
  if (booking.event_cancelled || event?.status === 'cancelled') {
    return 'eventCancelled';
  }
  const isOver = event !== undefined && Date.parse(event.end_time) <= now.getTime();
  return isOver ? 'over' : 'valid';
}

/** Until the event starts. */
export function canCancel(booking: Booking, event: Event | undefined, now = new Date()): boolean {
  const hasStarted = event !== undefined && Date.parse(event.start_time) <= now.getTime();
  return stateOf(booking, event, now) === 'valid' && !hasStarted;
}
