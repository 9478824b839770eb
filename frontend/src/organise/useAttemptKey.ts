/** Keys that make a request count once: the same for the same request, so that one whose reply was lost is found. */
import { useCallback, useRef } from 'react';
import { randomHex } from '../guest';

/** Returns a function that names the key for what is about to be sent. */
export function useAttemptKey(): (request: unknown) => string {
  const last = useRef({ request: '', key: '' });
  return useCallback((request) => {
    const text = JSON.stringify(request);
    if (last.current.request !== text) {
      last.current = { request: text, key: randomHex(16) };
    }
    return last.current.key;
  }, []);
}
