/** What is left of many events, as it changes, by one stream for all of them. */
import { useEffect, useState } from 'react';
import type { Availability } from '../api/types';
import { isAvailability, snapshotItems, withArrived } from './newer';
import { onlyBreaks, openStream } from './stream';

/** As many as the platform takes in one stream. */
const MOST_EVENTS = 200;
/** While one scrolls, events come in quick succession; the stream is opened anew once they have come. */
const SETTLE_MS = 300;

export type LiveSeats = ReadonlyMap<string, Availability>;
export const NO_SEATS: LiveSeats = new Map();

/** `onLive`, which has to stay the same function, is told whether the seats are up to date: from the first snapshot on. */
export function useLiveSeats(eventIds: string[], onLive: (isLive: boolean) => void): LiveSeats {
  const [seats, setSeats] = useState(NO_SEATS);
  // The last ones are those that the visitor has scrolled to.
  const ids = eventIds.slice(-MOST_EVENTS).join(',');
  useEffect(() => {
    if (ids === '') {
      return undefined;
    }
    const take = (arrived: Availability[]) => {
      setSeats((shown) => withArrived(shown, arrived));
    };
    return openLater(ids, take, onLive);
  }, [ids, onLive]);
  return seats;
}

function openLater(
  ids: string,
  take: (arrived: Availability[]) => void,
  onLive: (isLive: boolean) => void,
): () => void {
  const messages = {
    snapshot: (data: unknown) => {
      take(snapshotItems(data));
      onLive(true);
    },
    availability: (data: unknown) => {
      take(isAvailability(data) ? [data] : []);
    },
  };
  let close: (() => void) | undefined;
  const timer = window.setTimeout(() => {
    close = openStream(() => `/stream?events=${ids}`, messages, onlyBreaks(onLive));
  }, SETTLE_MS);
  return () => {
    window.clearTimeout(timer);
    close?.();
  };
}
