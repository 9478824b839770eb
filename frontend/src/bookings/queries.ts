/** What the pages ask about bookings. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, dataOf } from '../api/client';

const PAGE_SIZE = 20;

export const myBookingsKey = ['bookings'] as const;

export function bookingQuery(id: string) {
  return queryOptions({
    queryKey: ['booking', id],
    queryFn: ({ signal }) => dataOf(api.GET('/bookings/{id}', { params: { path: { id } }, signal })),
  });
}

export function myBookingsQuery(guest: string) {
  return infiniteQueryOptions({
    queryKey: [...myBookingsKey, guest],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE_SIZE, ...(pageParam !== undefined && { cursor: pageParam }) };
      return dataOf(api.GET('/users/{id}/bookings', { params: { path: { id: guest }, query }, signal }));
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
}
