/**
 * What a page shows that has both a stream and requests to ask instead: after a break the stream's words count until a
 * request has been answered, or what is shown would go back to what was asked for long ago.
 */
import { useCallback, useEffect, useEffectEvent, useState } from 'react';

export interface StreamBreaks {
  isLive: boolean;
  /** To be told whether the stream flows; it stays the same function. */
  onLive: (isLive: boolean) => void;
  /** Whether what the stream has brought is newer than what was asked for at this time. */
  counts: (askedAt: number) => boolean;
}

/** `ask` is called when the stream breaks. */
export function useStreamBreaks(ask: () => void): StreamBreaks {
  const [brokenAt, setBrokenAt] = useState<number>();
  const askNow = useEffectEvent(ask);
  const onLive = useCallback((isLive: boolean) => {
    setBrokenAt((before) => (isLive ? undefined : (before ?? Date.now())));
  }, []);
  const isLive = brokenAt === undefined;
  useEffect(() => {
    if (!isLive) {
      askNow();
    }
  }, [isLive]);
  return { isLive, onLive, counts: (askedAt) => brokenAt === undefined || askedAt <= brokenAt };
}
