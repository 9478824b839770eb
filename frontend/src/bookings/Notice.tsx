/** What has just happened. It takes the focus, since the button that has led to it is gone. */
import { useEffect, useRef } from 'react';
import controls from '../style/controls.module.css';

export function Notice({ text }: { text: string }) {
  const notice = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    // A dialog that closes lets go of the focus a moment later.
    const timer = window.setTimeout(() => notice.current?.focus(), 50);
    return () => {
      window.clearTimeout(timer);
    };
  }, [text]);
  return (
    <p ref={notice} tabIndex={-1} role="status" className={controls.notice}>
      {text}
    </p>
  );
}
