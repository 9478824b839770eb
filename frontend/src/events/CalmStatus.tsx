/**
 * Tells screen readers what has changed, but not each step on the way: only what has stayed for a while, and nothing of
 * what the page began with.
 */
import { useEffect, useRef, useState } from 'react';

const QUIET_MS = 2_500;

export function CalmStatus({ text }: { text: string }) {
  const [said, setSaid] = useState('');
  const known = useRef(text);
  useEffect(() => {
    if (text === known.current) {
      return undefined;
    }
    const timer = window.setTimeout(() => {
      known.current = text;
      setSaid(text);
    }, QUIET_MS);
    return () => {
      window.clearTimeout(timer);
    };
  }, [text]);
  return (
    <p role="status" className="visually-hidden">
      {said}
    </p>
  );
}
