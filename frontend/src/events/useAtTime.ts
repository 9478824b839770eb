/** Does something when a moment of the clock has come. */
import { useEffect, useEffectEvent } from 'react';

/** Timers count in 32 bits; what is further away, the page does not live to see. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** The server's clock may be a little behind ours. */
const GRACE_MS = 500;

export function useAtTime(time: string | undefined, run: () => void): void {
  const runNow = useEffectEvent(run);
  useEffect(() => {
    const wait = time === undefined ? -1 : Date.parse(time) - Date.now() + GRACE_MS;
    if (!(wait > 0 && wait < LONGEST_TIMER_MS)) {
      return undefined;
    }
    const timer = window.setTimeout(() => {
      runNow();
    }, wait);
    return () => {
      window.clearTimeout(timer);
    };
  }, [time]);
}
