/** What has happened to an event, newest first, and goes on happening. */
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { Entry } from '../api/types';
import { eventQuery } from '../events/queries';
import { isAvailability } from '../live/newer';
import { openStream } from '../live/stream';
import { historyKey, latestHistory } from './queries';
import { isEntry, newestSeats, withEntries } from './series';

const POLL_MS = 5_000;
/** A message is named like the entry that it brings. */
const NAMES = [
  'event.booked',
  'booking.cancelled',
  'inventory.opened',
  'inventory.changed',
  'inventory.closed',
];

export function useHistory(id: string) {
  const client = useQueryClient();
  const [isLive, setLive] = useState(true);
  const query = useQuery({
    queryKey: historyKey(id),
    queryFn: ({ signal }) => latestHistory(id, client.getQueryData<Entry[]>(historyKey(id)) ?? [], signal),
    // Live entries that come while a request is under way are not lost to its reply.
    structuralSharing: (known, arrived) =>
      withEntries((known as Entry[] | undefined) ?? [], arrived as Entry[]),
    refetchInterval: isLive ? false : POLL_MS,
  });
  const isThere = query.data !== undefined;
  useEffect(() => {
    if (!isThere) {
      return undefined;
    }
    const known = () => newestSeats(client.getQueryData<Entry[]>(historyKey(id)) ?? [])?.version ?? 0;
    const takeAll = (arrived: Entry[]) => {
      client.setQueryData<Entry[]>(historyKey(id), arrived);
      if (arrived.some((entry) => entry.name.startsWith('inventory.'))) {
        void client.invalidateQueries(eventQuery(id));
      }
    };
    const take = together(takeAll);
    const messages = {
      ...Object.fromEntries(NAMES.map((name) => [name, take])),
      availability: (data: unknown) => {
        if (isAvailability(data) && data.version > known()) {
          void client.invalidateQueries({ queryKey: historyKey(id) });
        }
      },
    };
    const path = () => {
      const after = known() > 0 ? `?after=${String(known())}` : '';
      return `/events/${encodeURIComponent(id)}/stream${after}`;
    };
    return openStream(path, messages, setLive);
  }, [client, id, isThere]);
  return { ...query, isLive };
}

/** Hands on what comes before the next picture is drawn as one: each drawing takes far longer than taking in an entry. */
function together(take: (entries: Entry[]) => void): (data: unknown) => void {
  let waiting: Entry[] = [];
  return (data) => {
    if (!isEntry(data)) {
      return;
    }
    waiting.push(data);
    if (waiting.length === 1) {
      window.requestAnimationFrame(() => {
        const arrived = waiting;
        waiting = [];
        take(arrived);
      });
    }
  };
}
