/**
 * A field that reports what was typed once the typing pauses.
 *
 * It keeps its own text: were it the address's, a slow reply could take back what was typed since.
 */
import { useEffect, useRef } from 'react';

export function useTyped(text: string, pauseMs: number, onTyped: (text: string) => void) {
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef<number>(undefined);
  const sent = useRef(text);
  useEffect(() => {
    // Changed by something else: the back button, or a filter that was cleared.
    if (field.current !== null && text !== sent.current) {
      window.clearTimeout(timer.current);
      field.current.value = text;
      sent.current = text;
    }
  }, [text]);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const report = () => {
    window.clearTimeout(timer.current);
    const typed = field.current?.value.trim() ?? '';
    if (typed === sent.current) return;
    sent.current = typed;
    onTyped(typed);
  };
  return {
    ref: field,
    defaultValue: text,
    onChange: () => {
      window.clearTimeout(timer.current);
      timer.current = window.setTimeout(report, pauseMs);
    },
    // Whoever goes on at once finds it again by the back button.
    onBlur: report,
  };
}
