/** What organisers' pages ask: everything there is, page after page, up to what a page can show. */
import { queryOptions } from '@tanstack/react-query';
import { allPages, MOST_PAGES, PAGE_SIZE, type Cursor, type Page } from '../api/allPages';
import { api, dataOf } from '../api/client';
import { errorOf } from '../api/problem';
import type { Entry, Event, Place } from '../api/types';
import { keyOf, netHours, withEntries } from './series';

const HOURS_OF_WEEK = 168;
const SALES_MS = 10_000;

export const organisedKey = ['organised'] as const;
export const placesKey = ['places'] as const;

export function organisedQuery(status: 'open' | 'all') {
  return queryOptions({
    queryKey: [...organisedKey, status],
    queryFn: ({ signal }) =>
      allPages<Event>((cursor) => {
        const query = { status, limit: PAGE_SIZE, ...cursor };
        return dataOf(api.GET('/events', { params: { query }, signal }));
      }),
  });
}

/** With the ETag that a change has to name. */
export function editedEventQuery(id: string) {
  return queryOptions({
    queryKey: ['edited-event', id],
    queryFn: async () => {
      const { data, error, response } = await api.GET('/events/{id}', { params: { path: { id } } });
      if (data === undefined) {
        throw errorOf(response, error);
      }
      return { event: data, etag: response.headers.get('etag') ?? `"${String(data.version)}"` };
    },
    // What is being edited does not change by itself.
    staleTime: Infinity,
    gcTime: 0,
  });
}

export function editedPlaceQuery(id: string) {
  return queryOptions({
    queryKey: ['edited-place', id],
    queryFn: async () => {
      const { data, error, response } = await api.GET('/locations/{id}', { params: { path: { id } } });
      if (data === undefined) {
        throw errorOf(response, error);
      }
      return { place: data, etag: response.headers.get('etag') ?? '' };
    },
    staleTime: Infinity,
    gcTime: 0,
  });
}

export function placesQuery() {
  return queryOptions({
    queryKey: placesKey,
    queryFn: ({ signal }) =>
      allPages<Place>((cursor) =>
        dataOf(api.GET('/locations', { params: { query: { limit: PAGE_SIZE, ...cursor } }, signal })),
      ),
  });
}

/** Sales of all events by hour, over a week. */
export function salesQuery() {
  return queryOptions({
    queryKey: ['sales'],
    queryFn: ({ signal }) =>
      dataOf(api.GET('/sales', { params: { query: { hours: HOURS_OF_WEEK } }, signal })),
    select: ({ items }) => netHours(items),
    refetchInterval: SALES_MS,
  });
}

export function historyKey(id: string) {
  return ['history', id] as const;
}

/** The latest entries, newest first: only those that `known` does not have, in front of it. */
export async function latestHistory(
  id: string,
  known: readonly Entry[],
  signal: AbortSignal,
): Promise<Entry[]> {
  const keys = new Set(known.map(keyOf));
  const arrived = await allPages(
    (cursor) => historyPage(id, cursor, signal),
    MOST_PAGES,
    (page) => page.some((entry) => keys.has(keyOf(entry))),
  );
  return withEntries(known, arrived);
}

/** All there is, however long that takes. */
export function wholeHistory(id: string): Promise<Entry[]> {
  return allPages((cursor) => historyPage(id, cursor), Infinity);
}

async function historyPage(id: string, cursor: Cursor, signal?: AbortSignal): Promise<Page<Entry>> {
  const abort = signal === undefined ? {} : { signal };
  const query = { order: 'desc', limit: PAGE_SIZE, ...cursor };
  const page = await dataOf(api.GET('/events/{id}/history', { params: { path: { id }, query }, ...abort }));
  // The description cannot say that entries of the event itself tell of no seats.
  return page as unknown as Page<Entry>;
}
