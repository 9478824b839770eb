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
    const take = (data: unknown) => {
      if (!isEntry(data)) {
        return;
      }
      client.setQueryData<Entry[]>(historyKey(id), [data]);
      if (data.name.startsWith('inventory.')) {
        void client.invalidateQueries(eventQuery(id));
      }
    };
    const messages = {
      ...Object.fromEntries(NAMES.map((name) => [name, take])),
      availability: (data: unknown) => {
        if (isAvailability(data) && data.version > known()) {
          void client.invalidateQueries({ queryKey: historyKey(id) });
        }
      },
    };
    const after = known() > 0 ? `?after=${String(known())}` : '';
    return openStream(`/events/${encodeURIComponent(id)}/stream${after}`, messages, setLive);
  }, [client, id, isThere]);
  return { ...query, isLive };
}
