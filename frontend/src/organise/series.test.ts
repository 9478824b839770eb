import { expect, test } from 'vitest';
import type { Entry, Event } from '../api/types';
import {
  addedUp,
  hourlyRate,
  hourlySales,
  isCutOff,
  isEntry,
  netHours,
  newestSeats,
  ratePerHour,
  salesNow,
  seriesOf,
  withEntries,
} from './series';

const NOW = Date.parse('2030-06-01T12:00:00Z');
const MINUTE_MS = 60_000;

function entry(version: number, minutesAgo: number, name: string, seats: number, sold: number): Entry {
  return {
    stream: 'inventory/a',
    version,
    name,
    time: new Date(NOW - minutesAgo * MINUTE_MS).toISOString(),
    actor: 'guest',
    facts: name === 'inventory.opened' ? { capacity: 10 } : { seats },
    capacity: 10,
    seats_sold: sold,
    seats_left: 10 - sold,
  };
}

const OPENED = entry(1, 300, 'inventory.opened', 0, 0);
const BOOKED = entry(2, 90, 'event.booked', 4, 4);
const RETURNED = entry(3, 30, 'booking.cancelled', 1, 3);
const AGAIN = entry(4, 10, 'event.booked', 3, 6);
const ALL = [AGAIN, RETURNED, BOOKED, OPENED];
const CREATED: Entry = {
  stream: 'event/a',
  version: 1,
  name: 'event.created',
  time: OPENED.time,
  actor: 'system',
  facts: {},
};

test('the series is in the order of versions, and time never runs back', () => {
  expect(seriesOf([CREATED, ...ALL]).map((point) => point.sold)).toEqual([0, 4, 3, 6]);
  const setBack = { ...AGAIN, time: BOOKED.time };
  const times = seriesOf([setBack, RETURNED, BOOKED, OPENED]).map((point) => point.time);
  expect(times).toEqual([...times].sort((one, other) => one - other));
  expect(seriesOf([])).toEqual([]);
});

test('of very many changes some are drawn, the first and the last among them', () => {
  const many = Array.from({ length: 5000 }, (_, index) =>
    entry(index + 1, 5000 - index, 'event.booked', 1, index),
  );
  const points = seriesOf(many);
  expect(points.length).toBeLessThanOrEqual(301);
  expect(points[0]?.sold).toBe(0);
  expect(points.at(-1)?.sold).toBe(4999);
});

test('what comes twice is there once, newest first', () => {
  const merged = withEntries([BOOKED, OPENED], [AGAIN, BOOKED, RETURNED]);
  expect(merged.map((one) => one.version)).toEqual([4, 3, 2, 1]);
});

test('the newest seats are those of the highest version', () => {
  expect(newestSeats([CREATED, ...ALL])?.seats_sold).toBe(6);
  expect(newestSeats([CREATED])).toBeUndefined();
});

test('the rate counts what was sold without what was returned', () => {
  expect(ratePerHour(ALL, NOW, 1)).toBe(2);
  expect(ratePerHour(ALL, NOW, 4)).toBe(1.5);
});

test('a young sale is measured by its own age, but by an hour at least', () => {
  expect(ratePerHour(ALL, NOW, 24)).toBe(1.2);
  const young = [entry(2, 1, 'event.booked', 5, 5), entry(1, 6, 'inventory.opened', 0, 0)];
  expect(ratePerHour(young, NOW, 24)).toBe(5);
});

test('hours are those of the clock, up to the one that is now', () => {
  const hours = hourlySales(ALL, NOW + 5 * MINUTE_MS, 3);
  expect(hours.map((hour) => hour.seats)).toEqual([4, 2, 0]);
  expect(hours.at(-1)?.start).toBe(NOW);
});

test('only what looks like an entry is taken in', () => {
  expect(isEntry(BOOKED)).toBe(true);
  expect(isEntry({ stream: 'a', version: 1 })).toBe(false);
  expect(isEntry(null)).toBe(false);
});

test('an event is on sale as soon as its history says so', () => {
  const event: Event = {
    id: 'a',
    name: 'Aida',
    start_time: '2030-06-02T18:00:00Z',
    end_time: '2030-06-02T20:30:00Z',
    sales_end: '2030-06-02T18:00:00Z',
    location_id: 'b',
    status: 'scheduled',
    seats_sold: 0,
    seats_left: null,
    bookable: false,
    not_bookable_because: 'opening',
    version: 1,
  };
  expect(salesNow(event, undefined, NOW)).toBe('opening');
  expect(salesNow(event, AGAIN, NOW)).toBe('on_sale');
  expect(salesNow(event, { ...AGAIN, seats_left: 0 }, NOW)).toBe('sold_out');
  expect(salesNow({ ...event, sales_start: '2030-06-02T00:00:00Z' }, AGAIN, NOW)).toBe('not_started');
  expect(salesNow({ ...event, sales_end: '2030-06-01T00:00:00Z' }, AGAIN, NOW)).toBe('ended');
  expect(salesNow({ ...event, status: 'cancelled' }, AGAIN, NOW)).toBe('cancelled');
});

test('a history that does not begin at its beginning is cut off', () => {
  expect(isCutOff(ALL)).toBe(false);
  expect(isCutOff([CREATED])).toBe(false);
  expect(isCutOff([AGAIN, RETURNED, BOOKED, CREATED])).toBe(true);
});

test('hours add up, and the last one has only just begun', () => {
  const hours = netHours([
    { start: '2030-06-01T10:00:00Z', seats_booked: 5, seats_cancelled: 1 },
    { start: '2030-06-01T11:00:00Z', seats_booked: 0, seats_cancelled: 2 },
    { start: '2030-06-01T12:00:00Z', seats_booked: 4, seats_cancelled: 0 },
  ]);
  expect(hours.map(({ seats }) => seats)).toEqual([4, -2, 4]);
  const now = NOW + 30 * MINUTE_MS;
  const points = addedUp(hours, now);
  expect(points.map(({ sold }) => sold)).toEqual([0, 4, 2, 6]);
  expect(points.at(-1)?.time).toBe(now);
  expect(hourlyRate(hours, now, 2)).toBeCloseTo(2 / 1.5);
  expect(hourlyRate(hours, now, 1)).toBe(4);
  expect(hourlyRate([], now, 6)).toBe(0);
});
