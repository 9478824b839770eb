import { expect, test } from 'vitest';
import type { Event } from '../api/types';
import { mistakesIn, newEventOf, NO_VALUES, patchOf, valuesOf } from './eventValues';

const ZONE = 'Europe/Berlin';
const EVENT: Event = {
  id: 'a',
  name: 'Aida',
  start_time: '2030-06-01T18:00:30Z',
  end_time: '2030-06-01T20:30:00Z',
  sales_end: '2030-06-01T18:00:30Z',
  location_id: 'b',
  hall: 'Main',
  capacity: 100,
  status: 'scheduled',
  seats_sold: 0,
  seats_left: 100,
  bookable: true,
  version: 1,
};
const VALUES = valuesOf(EVENT, ZONE);

test('times are those of the place, and sales end with the start unless it is said', () => {
  expect(VALUES.start_time.wall).toBe('2030-06-01T20:00');
  expect(VALUES.sales_end.wall).toBe('');
});

test('only what has changed is sent, and what was emptied is cleared', () => {
  expect(patchOf(VALUES, ZONE, VALUES, ZONE)).toEqual({});
  const changed = { ...VALUES, name: ' Tosca ', hall: '', capacity: '80' };
  expect(patchOf(VALUES, ZONE, changed, ZONE)).toEqual({ name: 'Tosca', hall: null, capacity: 80 });
});

test('what is no number is sent to be refused, not to clear the field', () => {
  for (const capacity of ['many', '1.000', '1,000', '1e3', '-5']) {
    expect(patchOf(VALUES, ZONE, { ...VALUES, capacity }, ZONE)).toEqual({ capacity: -1 });
  }
});

test('another zone moves the times', () => {
  const patch = patchOf(VALUES, ZONE, { ...VALUES, location_id: 'c' }, 'Europe/London');
  expect(patch).toMatchObject({ location_id: 'c', start_time: '2030-06-01T19:00:00.000Z' });
});

test('a new event states what was filled in', () => {
  expect(newEventOf({ ...VALUES, description: '', organiser: 'Opera' }, ZONE)).toEqual({
    name: 'Aida',
    location_id: 'b',
    hall: 'Main',
    capacity: 100,
    start_time: '2030-06-01T18:00:00.000Z',
    end_time: '2030-06-01T20:30:00.000Z',
    organiser: 'Opera',
  });
});

test('what is missing or never comes is said before anything is sent', () => {
  const fields = mistakesIn(NO_VALUES, ZONE).map((mistake) => mistake.field);
  expect(fields).toEqual(['name', 'location_id', 'start_time', 'end_time']);
  const skipped = { ...VALUES, start_time: { wall: '2030-03-31T02:30', isLater: false } };
  expect(mistakesIn(skipped, ZONE)).toEqual([{ field: 'start_time', rule: 'is skipped' }]);
});

test('an hour that comes twice is the one that was chosen', () => {
  const later = { ...EVENT, start_time: '2030-10-27T01:30:00Z' };
  const values = valuesOf(later, ZONE);
  expect(values.start_time).toEqual({ wall: '2030-10-27T02:30', isLater: true });
  expect(newEventOf(values, ZONE).start_time).toBe('2030-10-27T01:30:00.000Z');
  const earlier = { ...values, start_time: { ...values.start_time, isLater: false } };
  expect(newEventOf(earlier, ZONE).start_time).toBe('2030-10-27T00:30:00.000Z');
});
