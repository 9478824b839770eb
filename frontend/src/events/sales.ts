/** Whether and how many seats of an event can be booked, from what is known of it. */
import type { Availability, Event } from '../api/types';

export type Sales = 'on_sale' | 'sold_out' | 'not_started' | 'ended' | 'over' | 'cancelled' | 'opening';

/** Seats in one booking where the organiser sets no limit. */
export const USUAL_MOST = 4;
/** From here on it is worth saying that seats are getting few. */
const FEW = 10;

const BECAUSE: Record<NonNullable<Event['not_bookable_because']>, Sales> = {
  cancelled: 'cancelled',
  over: 'over',
  opening: 'opening',
  location_unknown: 'opening',
  capacity_unknown: 'opening',
  sales_not_started: 'not_started',
  sales_ended: 'ended',
  sold_out: 'sold_out',
};

/** What the seats themselves say counts more than what the event has heard of them; a cancelled event stays so. */
export function salesOf(event: Event, live: Availability | undefined): Sales {
  if (event.status === 'cancelled') {
    return 'cancelled';
  }
  // Nothing is told when sales begin; whoever knows of it knows better.
  const hasBegun = live?.status === 'not_started' && event.bookable;
  if (live !== undefined && !hasBegun) {
    return live.status;
  }
  return event.bookable ? 'on_sale' : BECAUSE[event.not_bookable_because ?? 'opening'];
}

/** Whether the seats have heard of a change that what was read of the event does not show yet. */
export function isOlderThan(event: Event, live: Availability | undefined): boolean {
  const sales = salesOf(event, undefined);
  if (live === undefined || sales === 'opening') {
    return sales === 'opening';
  }
  const hasChanged =
    live.event_name !== event.name || Date.parse(live.sales_end) !== Date.parse(event.sales_end);
  return hasChanged || live.status !== sales;
}

export function seatsLeft(event: Event, live: Availability | undefined): number | undefined {
  return live?.seats_left ?? event.seats_left ?? undefined;
}

export function seatsInAll(event: Event, live: Availability | undefined): number | undefined {
  return live?.capacity ?? event.capacity ?? undefined;
}

export function areFew(left: number): boolean {
  return left <= FEW;
}

/** The most seats that one booking may have now. */
export function mostSeats(limit: number, left: number | undefined): number {
  return Math.max(1, left === undefined ? limit : Math.min(limit, left));
}

/** Keeps the number that the visitor wants within what can be booked. */
export function seatsWithin(wanted: number, most: number): number {
  return Number.isFinite(wanted) ? Math.min(Math.max(1, Math.floor(wanted)), most) : 1;
}

/** Only images that come encrypted: the page's policy allows no others. */
export function imageOf(event: Event): string | undefined {
  const url = event.image_url ?? '';
  return url.startsWith('https://') ? url : undefined;
}
