/** What is left of one event, as it changes; by asking again and again where there is no stream. */
import { queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api, dataOf } from '../api/client';
import type { Availability } from '../api/types';
import { isAvailability, newerOf } from './newer';
import { openStream } from './stream';

const POLL_MS = 4_000;

export function availabilityQuery(eventId: string) {
  return queryOptions({
    queryKey: ['availability', eventId],
    queryFn: ({ signal }) =>
      dataOf(api.GET('/events/{id}/availability', { params: { path: { id: eventId } }, signal })),
    // Replies and messages alike pass here on their way into the cache.
    structuralSharing: (shown, arrived) =>
      newerOf(shown as Availability | undefined, arrived as Availability),
  });
}

export function useLiveAvailability(eventId: string): Availability | undefined {
  const client = useQueryClient();
  const [isLive, setLive] = useState(true);
  const query = useQuery({ ...availabilityQuery(eventId), refetchInterval: isLive ? false : POLL_MS });
  useEffect(() => {
    const { queryKey } = availabilityQuery(eventId);
    const take = (data: unknown) => {
      if (isAvailability(data)) {
        client.setQueryData(queryKey, data);
      }
    };
    const path = `/events/${encodeURIComponent(eventId)}/stream?only=availability`;
    return openStream(() => path, { availability: take }, setLive);
  }, [client, eventId]);
  return query.data;
}
