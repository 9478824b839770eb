/**
 * Whether the server can be reached. Requests tell what they see; while it cannot be reached it is asked again and
 * again for a sign of life.
 */
const PROBE_PATH = '/health/live';
const PROBE_MS = 3_000;

let isAway = false;
let probing: number | undefined;
const listeners = new Set<() => void>();

export function serverIsAway(): boolean {
  return isAway;
}

/** Calls back whenever the answer changes, until the returned function is called. */
export function watchServer(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function reportHere(): void {
  window.clearTimeout(probing);
  set(false);
}

export function reportAway(): void {
  window.clearTimeout(probing);
  probing = window.setTimeout(() => void probe(), PROBE_MS);
  set(true);
}

/** Listens to the browser too, which notices first when the network goes. */
export function watchNetwork(): void {
  window.addEventListener('offline', reportAway);
  window.addEventListener('online', () => void probe());
  if (!navigator.onLine) {
    reportAway();
  }
}

/** Asks once, and says what it has found. */
export async function probe(): Promise<void> {
  const reply = await fetch(PROBE_PATH, { cache: 'no-store' }).catch(() => undefined);
  if (reply?.ok) {
    reportHere();
  } else {
    reportAway();
  }
}

function set(away: boolean): void {
  if (away === isAway) {
    return;
  }
  isAway = away;
  listeners.forEach((listener) => {
    listener();
  });
}
