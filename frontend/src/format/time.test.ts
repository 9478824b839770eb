import { expect, test } from 'vitest';
import {
  clockRange,
  clockText,
  dayText,
  isOneDay,
  isoDay,
  knownZone,
  shortDayText,
  showSameClock,
  zoneText,
} from './time';

/** Which spaces and dashes stand between parts differs from one version of Intl's data to the next. */
function plain(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/–/g, '-').replace(/ - /g, '-');
}

const EVENING = '2030-06-01T18:00:00Z';
const LATER = '2030-06-01T20:30:00Z';

test('times are told by the clock of the place', () => {
  expect(plain(clockText(EVENING, 'America/Phoenix', 'en-US'))).toBe('11:00 AM');
  expect(clockText(EVENING, 'Europe/Berlin', 'de')).toBe('20:00');
  expect(plain(clockRange(EVENING, LATER, 'Europe/Berlin', 'en-GB'))).toBe('20:00-22:30');
});

test('an evening past midnight is told by clock only', () => {
  expect(plain(clockRange('2030-06-01T20:00:00Z', '2030-06-02T00:30:00Z', 'UTC', 'en-GB'))).toBe(
    '20:00-00:30',
  );
});

test('the same moment is on different days in different places', () => {
  expect(isoDay('2030-06-01T23:30:00Z', 'Europe/Berlin')).toBe('2030-06-02');
  expect(isoDay('2030-06-01T23:30:00Z', 'America/Phoenix')).toBe('2030-06-01');
  expect(dayText('2030-06-01T23:30:00Z', 'Asia/Tokyo', 'en-GB')).toContain('2 June 2030');
});

test('daylight saving time is kept', () => {
  expect(clockText('2030-01-01T18:00:00Z', 'Europe/Berlin', 'de')).toBe('19:00');
  expect(zoneText(EVENING, 'Europe/Berlin', 'de')).toBe('MESZ');
});

test('clocks are the same where they show the same, whatever the zones are called', () => {
  expect(showSameClock(EVENING, 'Europe/Berlin', 'Europe/Paris')).toBe(true);
  expect(showSameClock(EVENING, 'Europe/Berlin', 'Europe/London')).toBe(false);
});

test('an unknown zone counts as UTC', () => {
  expect(knownZone('Mars/Olympus')).toBe('UTC');
  expect(knownZone(undefined)).toBe('UTC');
  expect(clockText(EVENING, 'Mars/Olympus', 'de')).toBe('18:00');
});

test('the year is told only where it is not the present one', () => {
  expect(shortDayText(EVENING, 'UTC', 'en-GB', new Date('2030-02-01'))).not.toContain('2030');
  expect(shortDayText(EVENING, 'UTC', 'en-GB', new Date('2029-02-01'))).toContain('2030');
});

test('an event that ends at night is on one day, a festival is not', () => {
  expect(isOneDay('2030-06-01T20:00:00Z', '2030-06-02T01:00:00Z', 'UTC')).toBe(true);
  expect(isOneDay('2030-06-01T20:00:00Z', '2030-06-03T20:00:00Z', 'UTC')).toBe(false);
});
