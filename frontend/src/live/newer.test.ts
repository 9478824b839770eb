import { expect, test } from 'vitest';
import type { Availability } from '../api/types';
import { isAvailability, newerOf, snapshotItems, withArrived } from './newer';

function seats(event: string, version: number, left: number): Availability {
  return {
    event_id: event,
    event_name: '',
    capacity: 10,
    seats_sold: 10 - left,
    seats_left: left,
    oversubscribed_by: 0,
    status: 'on_sale',
    sales_end: '2030-01-01T00:00:00Z',
    version,
  };
}

test('what is older is dropped, what is newer or as new is shown', () => {
  expect(newerOf(seats('a', 3, 5), seats('a', 2, 6)).seats_left).toBe(5);
  expect(newerOf(seats('a', 3, 5), seats('a', 4, 4)).seats_left).toBe(4);
  expect(newerOf(seats('a', 3, 5), { ...seats('a', 3, 5), status: 'ended' }).status).toBe('ended');
  expect(newerOf(undefined, seats('a', 1, 9)).seats_left).toBe(9);
});

test('of many events each is compared with itself', () => {
  const shown = withArrived(new Map(), [seats('a', 3, 5), seats('b', 1, 9)]);
  const next = withArrived(shown, [seats('a', 2, 6), seats('b', 2, 8), seats('c', 1, 10)]);
  expect([...next.values()].map((one) => one.seats_left)).toEqual([5, 8, 10]);
});

test('only what looks like availability is taken in', () => {
  expect(isAvailability(seats('a', 1, 1))).toBe(true);
  expect(isAvailability({ event_id: 'a' })).toBe(false);
  expect(isAvailability(null)).toBe(false);
  expect(snapshotItems({ items: [seats('a', 1, 1), 'b'], is_complete: true })).toHaveLength(1);
  expect(snapshotItems({ reason: 'too_slow' })).toEqual([]);
});
