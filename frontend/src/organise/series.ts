/** What histories and hours say about sales. Entries come newest first, hours oldest first. */
import type { Entry, Event, HourSales } from '../api/types';
import { salesOf, type Sales } from '../events/sales';

export interface Point {
  /** In milliseconds. */
  time: number;
  sold: number;
  /** Undefined where it is not one number. */
  capacity: number | undefined;
}

export interface Hour {
  /** When it begins, in milliseconds. */
  start: number;
  seats: number;
}

export const HOUR_MS = 3_600_000;
/** More than that no eye tells apart. */
const MOST_POINTS = 300;

export function keyOf(entry: Entry): string {
  return `${entry.stream}@${String(entry.version)}`;
}

/** Takes in what has arrived; the same entry may come by stream and by request. */
export function withEntries(known: readonly Entry[], arrived: readonly Entry[]): Entry[] {
  const all = new Map([...known, ...arrived].map((entry) => [keyOf(entry), entry]));
  return [...all.values()].sort(
    (one, other) => Date.parse(other.time) - Date.parse(one.time) || other.version - one.version,
  );
}

export function isEntry(data: unknown): data is Entry {
  return (
    typeof data === 'object' &&
    data !== null &&
    'stream' in data &&
    typeof data.stream === 'string' &&
    'version' in data &&
    typeof data.version === 'number' &&
    'time' in data &&
    typeof data.time === 'string' &&
    'facts' in data &&
    typeof data.facts === 'object' &&
    data.facts !== null
  );
}

/** Of bookings and cancellations: how many seats it was about. */
export function seatsOf(entry: Entry): number | undefined {
  const { seats } = entry.facts;
  return typeof seats === 'number' ? seats : undefined;
}

export function isSale(entry: Entry): boolean {
  return entry.name === 'event.booked' || entry.name === 'booking.cancelled';
}

/** The newest entry that tells of seats. The version counts: a clock may have been set back. */
export function newestSeats(entries: readonly Entry[]): Entry | undefined {
  return inventoryOf(entries).at(-1);
}

const HANGS_ON_SEATS: readonly Sales[] = ['on_sale', 'sold_out', 'opening'];

/** What the history says of an event's sales may be newer than the event. */
export function salesNow(event: Event, seats: Entry | undefined, now: number): Sales {
  const sales = salesOf(event, undefined);
  if (seats?.seats_left === undefined || !HANGS_ON_SEATS.includes(sales)) {
    return sales;
  }
  if (Date.parse(event.sales_start ?? '') > now) {
    return 'not_started';
  }
  if (Date.parse(event.sales_end) <= now) {
    return 'ended';
  }
  return seats.seats_left > 0 ? 'on_sale' : 'sold_out';
}

/** Seats sold after each change, oldest first. */
export function seriesOf(entries: readonly Entry[]): Point[] {
  let latest = 0;
  const points = inventoryOf(entries).map(({ time, seats_sold: sold = 0, capacity = 0 }) => {
    latest = Math.max(latest, Date.parse(time));
    return { time: latest, sold, capacity };
  });
  return thinned(points);
}

/** Seats sold per hour, without those that were returned, over the last so many hours. */
export function ratePerHour(entries: readonly Entry[], now: number, hours: number): number {
  const opened = Date.parse(entries.find((entry) => entry.name === 'inventory.opened')?.time ?? '');
  const age = Number.isNaN(opened) ? hours : (now - opened) / HOUR_MS;
  // The first minutes of a sale are no rate yet.
  const span = Math.min(hours, Math.max(1, age));
  return netSeats(entries, now - hours * HOUR_MS, now) / span;
}

/** The same by hours of the clock, oldest first; the last one is the hour that is now. */
export function hourlySales(entries: readonly Entry[], now: number, count: number): Hour[] {
  const first = Math.floor(now / HOUR_MS) - count + 1;
  const hours = Array.from({ length: count }, (_, index) => ({ start: (first + index) * HOUR_MS, seats: 0 }));
  for (const entry of entries) {
    const hour = hours[Math.floor(Date.parse(entry.time) / HOUR_MS) - first];
    if (hour !== undefined) {
      hour.seats += signOf(entry) * (seatsOf(entry) ?? 0);
    }
  }
  return hours;
}

/** Entries are missing at the old end: there were more than are asked for. */
export function isCutOff(entries: readonly Entry[]): boolean {
  const oldest = inventoryOf(entries)[0];
  return oldest !== undefined && oldest.version !== 1;
}

/** Hours as the API has them, without seats that were returned. */
export function netHours(hours: readonly HourSales[]): Hour[] {
  return hours.map(({ start, seats_booked: booked, seats_cancelled: cancelled }) => ({
    start: Date.parse(start),
    seats: booked - cancelled,
  }));
}

/** Seats sold since the first hour began, at the end of each. */
export function addedUp(hours: readonly Hour[], now: number): Point[] {
  let sold = 0;
  const ends = hours.map(({ start, seats }) => {
    sold += seats;
    return { time: Math.min(start + HOUR_MS, Math.max(start, now)), sold, capacity: undefined };
  });
  return [{ time: hours[0]?.start ?? now, sold: 0, capacity: undefined }, ...ends];
}

/** Seats sold per hour over the latest of the hours, of which the last has just begun. */
export function hourlyRate(hours: readonly Hour[], now: number, count: number): number {
  const latest = hours.slice(-count);
  const seats = latest.reduce((sum, hour) => sum + hour.seats, 0);
  const span = (now - (latest[0]?.start ?? now)) / HOUR_MS;
  return seats / Math.max(1, span);
}

function netSeats(entries: readonly Entry[], after: number, until: number): number {
  return entries
    .filter((entry) => Date.parse(entry.time) > after && Date.parse(entry.time) <= until)
    .reduce((sum, entry) => sum + signOf(entry) * (seatsOf(entry) ?? 0), 0);
}

function signOf({ name }: Entry): number {
  return name === 'event.booked' ? 1 : name === 'booking.cancelled' ? -1 : 0;
}

function inventoryOf(entries: readonly Entry[]): Entry[] {
  return entries
    .filter((entry) => entry.seats_sold !== undefined)
    .sort((one, other) => one.version - other.version);
}

function thinned(points: Point[]): Point[] {
  const step = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, index) => index === 0 || (points.length - 1 - index) % step === 0);
}
