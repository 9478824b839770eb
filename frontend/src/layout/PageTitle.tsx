/**
 * The heading of a page. It names the browser's tab, and takes the focus when the visitor has come from another page of
 * ours, since nothing else would tell a screen reader that the page is a new one.
 */
import { createContext, useContext, useEffect, useRef, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

/** False on the page that was opened first: there the browser itself reads out what has come. */
export const HasNavigated = createContext(false);

interface Props {
  children: ReactNode;
  /** For the tab, where it is not what the heading says. */
  tab: string;
  className?: string | undefined;
}

export function PageTitle({ children, tab, className }: Props) {
  const { t } = useTranslation();
  const heading = useRef<HTMLHeadingElement>(null);
  const hasNavigated = useRef(useContext(HasNavigated));
  useEffect(() => {
    if (hasNavigated.current) {
      heading.current?.focus({ preventScroll: true });
    }
  }, []);
  useEffect(() => {
    document.title = `${tab} · ${t('app.name')}`;
  }, [tab, t]);
  return (
    <h1 ref={heading} tabIndex={-1} dir="auto" className={className}>
      {children}
    </h1>
  );
}
