/**
 * A stream of Server-Sent Events that lasts as long as a page needs it.
 *
 * EventSource comes back by itself when a connection ends, but gives up for good on any reply that is no stream (an
 * older server, too many streams): then it is tried anew from here. A hidden page holds no stream, because browsers
 * allow only few connections to one server, over all tabs.
 */
const FIRST_WAIT_MS = 5_000;
const MOST_WAIT_MS = 60_000;

export type Messages = Record<string, (data: unknown) => void>;

interface Stream {
  path: () => string;
  messages: Messages;
  onLive: (isLive: boolean) => void;
  source: EventSource | undefined;
  timer: number | undefined;
  failures: number;
}

/** For who is up to date only once a first message has come: passes on that the stream has broken, not that it is open. */
export function onlyBreaks(onLive: (isLive: boolean) => void): (isLive: boolean) => void {
  return (isLive) => {
    if (!isLive) {
      onLive(false);
    }
  };
}

/**
 * Hands each message to the function of its name, and tells whether the stream flows. `path` is asked each time the stream
 * is opened. Returns what closes it.
 */
export function openStream(
  path: () => string,
  messages: Messages,
  onLive: (isLive: boolean) => void,
): () => void {
  const stream: Stream = { path, messages, onLive, source: undefined, timer: undefined, failures: 0 };
  const followVisibility = () => {
    disconnect(stream);
    if (document.visibilityState === 'visible') {
      connect(stream);
    }
  };
  document.addEventListener('visibilitychange', followVisibility);
  followVisibility();
  return () => {
    document.removeEventListener('visibilitychange', followVisibility);
    disconnect(stream);
  };
}

function connect(stream: Stream): void {
  const source = new EventSource(stream.path());
  stream.source = source;
  for (const [name, take] of Object.entries(stream.messages)) {
    source.addEventListener(name, (message: MessageEvent<string>) => {
      take(parsed(message.data));
    });
  }
  source.addEventListener('open', () => {
    stream.failures = 0;
    stream.onLive(true);
  });
  source.addEventListener('error', () => {
    stream.onLive(false);
    if (source.readyState === EventSource.CLOSED) {
      connectLater(stream);
    }
  });
}

function connectLater(stream: Stream): void {
  const wait = Math.min(FIRST_WAIT_MS * 2 ** stream.failures, MOST_WAIT_MS);
  stream.failures += 1;
  stream.timer = window.setTimeout(() => {
    connect(stream);
  }, wait);
}

function disconnect(stream: Stream): void {
  window.clearTimeout(stream.timer);
  stream.source?.close();
  stream.source = undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
