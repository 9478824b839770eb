import { expect, test } from 'vitest';
import { addressOf, areAny, filtersOf, NO_FILTERS, queryOf } from './filters';

/** A Wednesday afternoon by the visitor's clock. */
const NOW = new Date(2030, 4, 15, 16, 30);

function localDay(year: number, month: number, day: number): string {
  return new Date(year, month, day).toISOString();
}

test('filters survive the way through the address', () => {
  const filters = {
    text: 'a & b',
    when: 'from',
    from: '2030-06-01',
    country: 'Côte d’Ivoire',
    available: true,
  } as const;
  expect(filtersOf(new URLSearchParams(addressOf(filters).toString()))).toEqual(filters);
  expect(addressOf(NO_FILTERS).toString()).toBe('');
  expect(areAny(NO_FILTERS)).toBe(false);
});

test('an address that nobody has made by us does no harm', () => {
  expect(filtersOf(new URLSearchParams('when=never&free=maybe'))).toEqual(NO_FILTERS);
  expect(queryOf({ ...NO_FILTERS, when: 'from', from: '2030-99-99' }, NOW)).toEqual({});
});

test("days are the visitor's", () => {
  const times = (when: 'today' | 'week' | 'month') => queryOf({ ...NO_FILTERS, when }, NOW);
  expect(times('today')).toEqual({ from: localDay(2030, 4, 15), to: localDay(2030, 4, 16) });
  expect(times('week')).toEqual({ from: localDay(2030, 4, 15), to: localDay(2030, 4, 20) });
  expect(times('month')).toEqual({ from: localDay(2030, 4, 15), to: localDay(2030, 5, 1) });
});

test('a week ends with its Sunday', () => {
  const sunday = new Date(2030, 4, 19, 12);
  expect(queryOf({ ...NO_FILTERS, when: 'week' }, sunday).to).toBe(localDay(2030, 4, 20));
});

test('only what is asked for is sent', () => {
  expect(queryOf({ ...NO_FILTERS, text: '  jazz ' }, NOW)).toEqual({ text: 'jazz' });
  expect(queryOf({ ...NO_FILTERS, available: true, country: 'Peru' }, NOW)).toEqual({
    available: true,
    country: 'Peru',
  });
});
