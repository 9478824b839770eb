import { expect, test } from 'vitest';
import type { Booking, Event } from '../api/types';
import { qrPath } from './qr';
import { canCancel, stateOf } from './state';

const BOOKING: Booking = {
  id: 'c',
  event_id: 'a',
  event_name: 'Aida',
  user_id: 'guest',
  seats: 2,
  date: '2030-05-01T12:00:00Z',
  status: 'booked',
  event_cancelled: false,
};

const EVENT: Event = {
  id: 'a',
  name: 'Aida',
  start_time: '2030-06-01T18:00:00Z',
  end_time: '2030-06-01T20:30:00Z',
  sales_end: '2030-06-01T18:00:00Z',
  location_id: 'b',
  status: 'scheduled',
  seats_sold: 2,
  bookable: true,
  version: 1,
};

test('a booking is valid until its event is over, and can be cancelled until it starts', () => {
  const at = (time: string) => [
    stateOf(BOOKING, EVENT, new Date(time)),
    canCancel(BOOKING, EVENT, new Date(time)),
  ];
  expect(at('2030-06-01T17:59:00Z')).toEqual(['valid', true]);
  expect(at('2030-06-01T18:00:00Z')).toEqual(['valid', false]);
  expect(at('2030-06-01T20:30:00Z')).toEqual(['over', false]);
});

test('what was cancelled stays so, and who cancelled is told apart', () => {
  expect(stateOf({ ...BOOKING, status: 'cancelled', event_cancelled: true }, EVENT)).toBe('cancelled');
  expect(stateOf({ ...BOOKING, event_cancelled: true }, undefined)).toBe('eventCancelled');
  expect(stateOf(BOOKING, { ...EVENT, status: 'cancelled' })).toBe('eventCancelled');
});

test('a QR code is a path within a square with a quiet zone', () => {
  const { size, path } = qrPath('https://myevents.example/b/0123');
  expect(size).toBeGreaterThan(21 + 2 * 4 - 1);
  expect(path.startsWith('M4 4h1v1h-1z')).toBe(true);
});
