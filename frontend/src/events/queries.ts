/** What the pages ask about events. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { allPages, PAGE_SIZE as PLACES_PAGE } from '../api/allPages';
import { api, dataOf } from '../api/client';
import type { Place } from '../api/types';
import { queryOf, type Filters } from './filters';

const PAGE_SIZE = 20;
const PLACES_FRESH_MS = 10 * 60_000;

export function eventQuery(id: string) {
  return queryOptions({
    queryKey: ['event', id],
    queryFn: ({ signal }) => dataOf(api.GET('/events/{id}', { params: { path: { id } }, signal })),
  });
}

/** A search that the visitor has typed on from is cancelled; meanwhile the list before it stays. */
export function eventsQuery(filters: Filters) {
  return infiniteQueryOptions({
    queryKey: ['events', filters],
    queryFn: ({ pageParam, signal }) => {
      const cursor = pageParam === undefined ? {} : { cursor: pageParam };
      const query = { ...queryOf(filters, new Date()), limit: PAGE_SIZE, ...cursor };
      return dataOf(api.GET('/events', { params: { query }, signal }));
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
  });
}

/** The countries that there are places in, in the order of the alphabet. */
export function countriesQuery(locale: string) {
  return queryOptions({
    queryKey: ['countries'],
    queryFn: ({ signal }) =>
      allPages<Place>((cursor) =>
        dataOf(api.GET('/locations', { params: { query: { limit: PLACES_PAGE, ...cursor } }, signal })),
      ),
    select: (places) => {
      const countries = new Set(places.map((place) => place.country).filter((name) => name !== ''));
      return [...countries].sort((one, other) => one.localeCompare(other, locale));
    },
    staleTime: PLACES_FRESH_MS,
  });
}
