/**
 * What a clock on the wall shows in a time zone, and which moments that is.
 *
 * Walls are written as the browser's fields have them, `2030-06-01T18:00`. Where clocks are put forward some of them
 * never come; where they are put back some come twice.
 */
const WALL = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/;
const HOUR_MS = 3_600_000;
/** No zone is further from UTC than this, and none changes twice within it. */
const REACH_MS = 24 * HOUR_MS;

const formats = new Map<string, Intl.DateTimeFormat>();

export function wallOf(time: string, zone: string): string {
  return wallAt(Date.parse(time), zone).slice(0, 16);
}

/** The moments, earliest first: one mostly, none in a skipped hour, two in a doubled one. */
export function momentsOf(wall: string, zone: string): string[] {
  const asUtc = asUtcOf(wall);
  if (Number.isNaN(asUtc)) {
    return [];
  }
  const offsets = [asUtc - REACH_MS, asUtc + REACH_MS].map((near) => offsetAt(near, zone));
  const guesses = new Set(offsets.map((offset) => asUtc - offset));
  return [...guesses]
    .filter((guess) => wallAt(guess, zone) === `${wall}:00`)
    .sort((one, other) => one - other)
    .map((guess) => new Date(guess).toISOString());
}

/** A wall that never comes, because clocks were put forward over it. */
export function isSkipped(wall: string, zone: string): boolean {
  return !Number.isNaN(asUtcOf(wall)) && momentsOf(wall, zone).length === 0;
}

/** Browsers read a lot into other shapes. */
function asUtcOf(wall: string): number {
  return WALL.test(wall) ? Date.parse(`${wall}:00Z`) : Number.NaN;
}

function offsetAt(moment: number, zone: string): number {
  return Date.parse(`${wallAt(moment, zone)}Z`) - Math.floor(moment / 1000) * 1000;
}

function wallAt(moment: number, zone: string): string {
  const parts = formatOf(zone).formatToParts(moment);
  const part = (type: Intl.DateTimeFormatPartTypes) =>
    (parts.find((one) => one.type === type)?.value ?? '').padStart(type === 'year' ? 4 : 2, '0');
  const day = `${part('year')}-${part('month')}-${part('day')}`;
  return `${day}T${part('hour')}:${part('minute')}:${part('second')}`;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) {
    return known;
  }
  const made = new Intl.DateTimeFormat('en-u-ca-iso8601', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  formats.set(zone, made);
  return made;
}
