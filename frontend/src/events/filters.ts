/** What a visitor looks for. It lives in the address, so that a search can be sent to a friend and come back to. */
import type { paths } from '../api/schema';

type EventsQuery = NonNullable<paths['/events']['get']['parameters']['query']>;

const WHENS = ['any', 'today', 'week', 'month', 'from'] as const;
export type When = (typeof WHENS)[number];

export interface Filters {
  text: string;
  when: When;
  /** A day of the visitor's calendar, 2030-06-01; counts where `when` is `from`. */
  from: string;
  country: string;
  available: boolean;
}

export const NO_FILTERS: Filters = { text: '', when: 'any', from: '', country: '', available: false };

/** The parameters' names are short, because people see them. */
export function filtersOf(address: URLSearchParams): Filters {
  return {
    text: address.get('q') ?? '',
    when: WHENS.find((when) => when === address.get('when')) ?? 'any',
    from: address.get('from') ?? '',
    country: address.get('where') ?? '',
    available: address.get('free') === 'yes',
  };
}

export function addressOf(filters: Filters): URLSearchParams {
  const address = new URLSearchParams();
  const add = (name: string, value: string) => {
    if (value !== '') {
      address.set(name, value);
    }
  };
  add('q', filters.text);
  add('when', filters.when === 'any' ? '' : filters.when);
  add('from', filters.when === 'from' ? filters.from : '');
  add('where', filters.country);
  add('free', filters.available ? 'yes' : '');
  return address;
}

export function areAny(filters: Filters): boolean {
  return addressOf(filters).size > 0;
}

/** What the API takes, in characters. */
const LONGEST_TEXT = 200;

/** The same for the API. Days begin and end by the visitor's clock. */
export function queryOf(filters: Filters, now: Date): EventsQuery {
  const text = filters.text.trim().slice(0, LONGEST_TEXT);
  return {
    ...(text !== '' && { text }),
    ...(filters.country !== '' && { country: filters.country }),
    ...(filters.available && { available: true }),
    ...timesOf(filters, now),
  };
}

/** Whatever has begun today belongs to today; the API leaves out what is over. */
function timesOf({ when, from }: Filters, now: Date): { from?: string; to?: string } {
  const day = (days: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days);
  switch (when) {
    case 'any':
      return {};
    case 'today':
      return between(day(0), day(1));
    case 'week':
      return between(day(0), day(daysToMonday(now)));
    case 'month':
      return between(day(0), new Date(now.getFullYear(), now.getMonth() + 1, 1));
    case 'from':
      return from === '' ? {} : startingAt(new Date(`${from}T00:00:00`));
  }
}

function daysToMonday(now: Date): number {
  return 7 - ((now.getDay() + 6) % 7);
}

function between(from: Date, to: Date): { from: string; to: string } {
  return { from: from.toISOString(), to: to.toISOString() };
}

/** Whoever edits the address may write a day that no calendar has, or one before all that the API knows. */
function startingAt(day: Date): { from?: string } {
  return day.getTime() >= 0 ? { from: day.toISOString() } : {};
}
