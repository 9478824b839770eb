import { expect, test } from 'vitest';
import type { Availability, Event } from '../api/types';
import { busiestOf, changeOf, isToCome, seatsOfEvents, totalsOf } from './overview';

function event(id: string, sold: number, left: number | null): Event {
  return {
    id,
    name: id,
    start_time: '2030-06-01T18:00:00Z',
    end_time: '2030-06-01T20:30:00Z',
    sales_end: '2030-06-01T18:00:00Z',
    location_id: 'b',
    status: 'scheduled',
    seats_sold: sold,
    seats_left: left,
    bookable: true,
    version: 1,
  };
}

function live(id: string, version: number, sold: number, capacity = 10): Availability {
  return {
    event_id: id,
    event_name: id,
    capacity,
    seats_sold: sold,
    seats_left: capacity - sold,
    oversubscribed_by: 0,
    status: 'on_sale',
    sales_end: '2030-06-01T18:00:00Z',
    version,
  };
}

test('what the stream brings counts more than what the list has said', () => {
  const rows = seatsOfEvents([event('a', 1, 9), event('b', 2, null)], new Map([['a', live('a', 5, 6)]]));
  expect(totalsOf(rows)).toEqual({ events: 2, sold: 8, left: 4 });
  expect(rows[1]?.left).toBeUndefined();
  expect(rows.every(isToCome)).toBe(true);
});

test('the busiest have sold most, and nobody is busy who has sold nothing', () => {
  const rows = seatsOfEvents([event('a', 0, 9), event('b', 2, 1), event('c', 5, 1)], new Map());
  expect(busiestOf(rows).map((row) => row.event.id)).toEqual(['c', 'b']);
});

test('changes are told from the state before', () => {
  const before = live('a', 2, 4);
  expect(changeOf(before, live('a', 3, 6))).toEqual({ kind: 'sold', seats: 2 });
  expect(changeOf(before, live('a', 3, 3))).toEqual({ kind: 'returned', seats: 1 });
  expect(changeOf(before, live('a', 3, 4, 20))).toEqual({ kind: 'capacity', seats: 20 });
  expect(changeOf(undefined, live('a', 1, 0))).toEqual({ kind: 'opened', seats: 10 });
  expect(changeOf(before, { ...live('a', 3, 4), status: 'cancelled' })?.kind).toBe('cancelled');
  expect(changeOf(before, before)).toBeUndefined();
  expect(changeOf(before, live('a', 3, 4))).toBeUndefined();
});
