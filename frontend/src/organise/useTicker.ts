/** The seats of all events as they change, and the latest of these changes. */
import { useEffect, useRef, useState } from 'react';
import type { Availability } from '../api/types';
import { isAvailability, snapshotItems, withArrived } from '../live/newer';
import { onlyBreaks, openStream } from '../live/stream';
import { NO_SEATS, type LiveSeats } from '../live/useLiveSeats';
import { changeOf, type Change } from './overview';

const MOST_TICKS = 8;

export interface Tick extends Change {
  key: string;
  eventId: string;
  eventName: string;
  time: string;
}

interface State {
  seats: LiveSeats;
  ticks: readonly Tick[];
}

/**
 * `onNews` is told of events that were opened or cancelled, `onLive` whether the seats are up to date. Both have to stay the
 * same functions.
 */
export function useTicker(onNews: () => void, onLive: (isLive: boolean) => void) {
  const [state, setState] = useState<State>({ seats: NO_SEATS, ticks: [] });
  const seats = useRef<LiveSeats>(NO_SEATS);
  useEffect(() => {
    const take = (arrived: Availability[], areNews: boolean) => {
      const ticks = areNews ? arrived.flatMap((one) => ticksOf(seats.current, one)) : [];
      seats.current = withArrived(seats.current, arrived);
      setState((shown) => ({
        seats: seats.current,
        ticks: [...ticks, ...shown.ticks].slice(0, MOST_TICKS),
      }));
      if (ticks.some((tick) => tick.kind === 'opened' || tick.kind === 'cancelled')) {
        onNews();
      }
    };
    const messages = {
      snapshot: (data: unknown) => {
        take(snapshotItems(data), false);
        onLive(true);
      },
      availability: (data: unknown) => {
        take(isAvailability(data) ? [data] : [], true);
      },
    };
    return openStream(() => '/stream', messages, onlyBreaks(onLive));
  }, [onNews, onLive]);
  return state;
}

function ticksOf(known: LiveSeats, now: Availability): Tick[] {
  const change = changeOf(known.get(now.event_id), now);
  if (change === undefined) {
    return [];
  }
  const key = `${now.event_id}@${String(now.version)}`;
  const time = new Date().toISOString();
  return [{ ...change, key, eventId: now.event_id, eventName: now.event_name, time }];
}
