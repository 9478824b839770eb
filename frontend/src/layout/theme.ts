/** Light or dark: as the system has it, until the visitor wants the other one. */
import { useSyncExternalStore } from 'react';

type Theme = 'light' | 'dark';

const STORED_AS = 'myevents.theme';
/** What the browser paints around the page: `--paper` of each theme. */
const PAPER: Record<Theme, string> = { light: '#faf9f7', dark: '#141513' };

let choice: Theme | undefined = stored();
const listeners = new Set<() => void>();

export function applyTheme(): void {
  const root = document.documentElement;
  if (choice === undefined) {
    delete root.dataset['theme'];
  } else {
    root.dataset['theme'] = choice;
  }
  document.querySelectorAll<HTMLMetaElement>('meta[name=theme-color]').forEach((meta) => {
    meta.content = PAPER[choice ?? (meta.media.includes('dark') ? 'dark' : 'light')];
  });
}

/** To the other one. Back at what the system has, the page follows the system again. */
export function switchTheme(): void {
  const other = shownTheme() === 'dark' ? 'light' : 'dark';
  choice = other === systemTheme() ? undefined : other;
  store(choice);
  applyTheme();
  listeners.forEach((listener) => {
    listener();
  });
}

export function useTheme(): Theme {
  return useSyncExternalStore(watch, shownTheme);
}

function shownTheme(): Theme {
  return choice ?? systemTheme();
}

function systemTheme(): Theme {
  return darkSystem().matches ? 'dark' : 'light';
}

function darkSystem(): MediaQueryList {
  return window.matchMedia('(prefers-color-scheme: dark)');
}

function watch(listener: () => void): () => void {
  const system = darkSystem();
  listeners.add(listener);
  system.addEventListener('change', listener);
  return () => {
    listeners.delete(listener);
    system.removeEventListener('change', listener);
  };
}

function stored(): Theme | undefined {
  try {
    const theme = localStorage.getItem(STORED_AS);
    return theme === 'light' || theme === 'dark' ? theme : undefined;
  } catch {
    return undefined;
  }
}

function store(theme: Theme | undefined): void {
  try {
    localStorage.setItem(STORED_AS, theme ?? '');
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
}
