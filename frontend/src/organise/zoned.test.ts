import { expect, test } from 'vitest';
import { isSkipped, momentsOf, wallOf } from './zoned';

test('a wall is one moment mostly', () => {
  expect(momentsOf('2030-06-01T18:00', 'Europe/Berlin')).toEqual(['2030-06-01T16:00:00.000Z']);
  expect(momentsOf('2030-01-01T18:00', 'Europe/Berlin')).toEqual(['2030-01-01T17:00:00.000Z']);
  expect(momentsOf('2030-06-01T00:15', 'Asia/Kathmandu')).toEqual(['2030-05-31T18:30:00.000Z']);
  expect(momentsOf('2030-06-01T18:00', 'UTC')).toEqual(['2030-06-01T18:00:00.000Z']);
});

test('an hour that is skipped never comes', () => {
  expect(momentsOf('2030-03-31T02:30', 'Europe/Berlin')).toEqual([]);
  expect(isSkipped('2030-03-31T02:30', 'Europe/Berlin')).toBe(true);
  expect(isSkipped('2030-03-31T03:00', 'Europe/Berlin')).toBe(false);
  expect(isSkipped('2030-03-10T02:00', 'America/New_York')).toBe(true);
  expect(isSkipped('', 'Europe/Berlin')).toBe(false);
});

test('an hour that is doubled comes twice, earliest first', () => {
  expect(momentsOf('2030-10-27T02:30', 'Europe/Berlin')).toEqual([
    '2030-10-27T00:30:00.000Z',
    '2030-10-27T01:30:00.000Z',
  ]);
  expect(momentsOf('2030-11-03T01:00', 'America/New_York')).toHaveLength(2);
  expect(momentsOf('2030-10-27T03:00', 'Europe/Berlin')).toHaveLength(1);
});

test('clocks that change by half an hour are kept too', () => {
  expect(momentsOf('2030-04-07T01:45', 'Australia/Lord_Howe')).toHaveLength(2);
  expect(momentsOf('2030-10-06T02:15', 'Australia/Lord_Howe')).toEqual([]);
});

test('there and back again is the same', () => {
  for (const time of ['2030-06-01T16:00:00.000Z', '2030-12-31T23:30:00.000Z', '2030-10-27T01:30:00.000Z']) {
    for (const zone of ['Europe/Berlin', 'America/Phoenix', 'Asia/Tokyo', 'UTC']) {
      expect(momentsOf(wallOf(time, zone), zone)).toContain(time);
    }
  }
});

test('nothing is no moment', () => {
  expect(momentsOf('', 'UTC')).toEqual([]);
  expect(momentsOf('2030-13-40T99:99', 'UTC')).toEqual([]);
});
