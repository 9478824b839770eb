/** All events at a glance, from what the list says and what the stream brings. */
import { salesOf, type Sales } from '../events/sales';
import type { Availability, Event } from '../api/types';
import type { LiveSeats } from '../live/useLiveSeats';

export interface EventSeats {
  event: Event;
  sales: Sales;
  sold: number;
  /** Unknown until the event is opened for booking. */
  left: number | undefined;
  capacity: number | undefined;
}

export interface Totals {
  events: number;
  sold: number;
  left: number;
}

const MOST_BUSY = 3;

export function seatsOfEvents(events: readonly Event[], live: LiveSeats): EventSeats[] {
  return events.map((event) => eventSeats(event, live.get(event.id)));
}

function eventSeats(event: Event, live: Availability | undefined): EventSeats {
  return {
    event,
    sales: salesOf(event, live),
    sold: live?.seats_sold ?? event.seats_sold,
    left: live?.seats_left ?? event.seats_left ?? undefined,
    capacity: live?.capacity ?? event.capacity ?? undefined,
  };
}

export function isToCome({ sales }: EventSeats): boolean {
  return sales !== 'cancelled' && sales !== 'over';
}

export function totalsOf(rows: readonly EventSeats[]): Totals {
  return {
    events: rows.length,
    sold: rows.reduce((sum, row) => sum + row.sold, 0),
    left: rows.reduce((sum, row) => sum + (row.left ?? 0), 0),
  };
}

/** Those that have sold most, if they have sold any. */
export function busiestOf(rows: readonly EventSeats[]): EventSeats[] {
  return rows
    .filter((row) => row.sold > 0)
    .sort((one, other) => other.sold - one.sold)
    .slice(0, MOST_BUSY);
}

export interface Change {
  kind: 'opened' | 'sold' | 'returned' | 'capacity' | 'cancelled';
  seats: number;
}

/** What has happened between two states of an event's seats, if anything worth telling. */
export function changeOf(before: Availability | undefined, now: Availability): Change | undefined {
  if (before !== undefined && before.version >= now.version) {
    return undefined;
  }
  if (now.status === 'cancelled') {
    return before?.status === 'cancelled' ? undefined : { kind: 'cancelled', seats: now.seats_sold };
  }
  if (before === undefined) {
    return { kind: 'opened', seats: now.seats_left };
  }
  if (before.capacity !== now.capacity) {
    return { kind: 'capacity', seats: now.capacity };
  }
  const more = now.seats_sold - before.seats_sold;
  return more === 0 ? undefined : { kind: more > 0 ? 'sold' : 'returned', seats: Math.abs(more) };
}
