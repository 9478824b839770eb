import { expect, test } from 'vitest';
import type { Availability, Event } from '../api/types';
import { imageOf, isOlderThan, mostSeats, salesOf, seatsLeft, seatsWithin } from './sales';

const EVENT: Event = {
  id: 'a',
  name: 'Aida',
  start_time: '2030-06-01T18:00:00Z',
  end_time: '2030-06-01T20:30:00Z',
  sales_end: '2030-06-01T18:00:00Z',
  location_id: 'b',
  status: 'scheduled',
  seats_sold: 0,
  seats_left: 10,
  bookable: true,
  version: 1,
};

const LIVE: Availability = {
  event_id: 'a',
  event_name: 'Aida',
  capacity: 10,
  seats_sold: 10,
  seats_left: 0,
  oversubscribed_by: 0,
  status: 'sold_out',
  sales_end: EVENT.sales_end,
  version: 7,
};

test('live seats count more than what the event has heard of them', () => {
  expect(salesOf(EVENT, undefined)).toBe('on_sale');
  expect(salesOf(EVENT, LIVE)).toBe('sold_out');
  expect(seatsLeft(EVENT, LIVE)).toBe(0);
  expect(seatsLeft({ ...EVENT, seats_left: null }, undefined)).toBeUndefined();
});

test('a cancelled event is cancelled, whatever its seats say', () => {
  expect(salesOf({ ...EVENT, status: 'cancelled' }, { ...LIVE, status: 'on_sale' })).toBe('cancelled');
});

test('an event is read anew while its seats know more of it', () => {
  const same: Availability = { ...LIVE, status: 'on_sale' };
  expect(isOlderThan(EVENT, undefined)).toBe(false);
  expect(isOlderThan(EVENT, same)).toBe(false);
  expect(isOlderThan(EVENT, { ...same, sales_end: '2030-06-01T18:00:00.000Z' })).toBe(false);
  expect(isOlderThan(EVENT, { ...same, event_name: 'Tosca' })).toBe(true);
  expect(isOlderThan(EVENT, { ...same, sales_end: '2030-06-02T18:00:00Z' })).toBe(true);
  expect(isOlderThan(EVENT, LIVE)).toBe(true);
  expect(isOlderThan({ ...EVENT, bookable: false, not_bookable_because: 'opening' }, undefined)).toBe(true);
});

test('reasons that a visitor cannot tell apart are one', () => {
  const because = (reason: Event['not_bookable_because']) =>
    salesOf({ ...EVENT, bookable: false, not_bookable_because: reason ?? null }, undefined);
  expect(because('location_unknown')).toBe('opening');
  expect(because('sales_not_started')).toBe('not_started');
  expect(because(undefined)).toBe('opening');
});

test('seats are bounded by the limit and by what is left, but one can always be asked for', () => {
  expect(mostSeats(4, 100)).toBe(4);
  expect(mostSeats(4, 3)).toBe(3);
  expect(mostSeats(8, 100)).toBe(8);
  expect(mostSeats(2, undefined)).toBe(2);
  expect(mostSeats(4, 0)).toBe(1);
});

test('the number that is wanted is kept within the bounds', () => {
  expect(seatsWithin(3, 4)).toBe(3);
  expect(seatsWithin(9, 4)).toBe(4);
  expect(seatsWithin(0, 4)).toBe(1);
  expect(seatsWithin(Number.NaN, 4)).toBe(1);
});

test('images come encrypted or not at all', () => {
  expect(imageOf({ ...EVENT, image_url: 'https://a.example/b.png' })).toBe('https://a.example/b.png');
  expect(imageOf({ ...EVENT, image_url: 'http://a.example/b.png' })).toBeUndefined();
  expect(imageOf({ ...EVENT, image_url: 'javascript:alert(1)' })).toBeUndefined();
  expect(imageOf(EVENT)).toBeUndefined();
});
