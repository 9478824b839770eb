/**
 * Who books: a guest whom this browser makes up and remembers. The id is a secret; whoever knows it is that guest.
 */
const STORED_AS = 'myevents.guest';
const SHAPE = /^guest-[0-9a-f]{32}$/;

/** Where nothing can be stored the guest lives as long as the page. */
let unstored: string | undefined;

/** The guest, if this browser has booked before. */
export function knownGuest(): string | undefined {
  const stored = readStored();
  return stored !== undefined && isGuestId(stored) ? stored : unstored;
}

/** The guest; a new one at the first booking. */
export function guest(): string {
  return knownGuest() ?? newGuest();
}

export function isGuestId(text: string): boolean {
  return SHAPE.test(text);
}

/** Random, as lower-case hex digits. `crypto.randomUUID` would ask for HTTPS. */
export function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function newGuest(): string {
  const id = `guest-${randomHex(16)}`;
  unstored = id;
  try {
    localStorage.setItem(STORED_AS, id);
  } catch {
    // Storage is forbidden or full: `unstored` has to do.
  }
  return id;
}

function readStored(): string | undefined {
  try {
    return localStorage.getItem(STORED_AS) ?? undefined;
  } catch {
    return undefined;
  }
}
