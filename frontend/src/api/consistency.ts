/**
 * Reading one's own writes: the tokens of the last writes, sent along with reads, so that no reply shows less than
 * what was just done.
 */

/** As many positions as the platform takes in one header. */
const MOST = 8;
/** By then every view has long got there; a platform that was set up anew would make reads wait in vain. */
const LIFETIME_MS = 60_000;

interface Position {
  token: string;
  stream: string;
  until: number;
}

let positions: Position[] = [];

/** Of one stream the last write counts: it comes after the others. */
export function rememberWrite(token: string, now = Date.now()): void {
  const stream = token.slice(0, token.lastIndexOf('@'));
  const others = positions.filter((position) => position.stream !== stream);
  positions = [...others, { token, stream, until: now + LIFETIME_MS }].slice(-MOST);
}

/** A refusal has told of a version that was written by somebody else: what is read from now on is not to be older. */
export function rememberSeen(stream: string, version: number | undefined): void {
  if (version !== undefined) {
    rememberWrite(`${stream}@${String(version)}`);
  }
}

/** The header's value, or nothing where nothing was written lately. */
export function tokenToSend(now = Date.now()): string | undefined {
  positions = positions.filter((position) => position.until > now);
  return positions.length > 0 ? positions.map((position) => position.token).join(',') : undefined;
}
