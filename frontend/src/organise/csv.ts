/** Tables as RFC 4180 has them, safe to open in a spreadsheet. */
import type { Entry } from '../api/types';
import type { EventSeats } from './overview';
import { seatsOf } from './series';

type Cell = string | number | undefined;

const EVENT_HEAD = [
  'id',
  'name',
  'start',
  'location',
  'hall',
  'sales',
  'capacity',
  'seats_sold',
  'seats_left',
];
const HEAD = ['time', 'what', 'who', 'seats', 'capacity', 'seats_sold', 'seats_left', 'stream', 'version'];
/** What makes a spreadsheet take a text for a formula. */
const FORMULA = /^[=+\-@\t\r]/;
const NEEDS_QUOTES = /[",\r\n]|^\s|\s$/;

export function csvOf(rows: Cell[][]): string {
  return rows.map((row) => `${row.map(cellOf).join(',')}\r\n`).join('');
}

/** The history of an event, in the order that it is given in. */
export function historyCsv(entries: readonly Entry[]): string {
  return csvOf([HEAD, ...entries.map(rowOf)]);
}

/** One line for each event. */
export function eventsCsv(rows: readonly EventSeats[]): string {
  const cells = rows.map(({ event, sales, capacity, sold, left }): Cell[] => [
    event.id,
    event.name,
    event.start_time,
    event.location?.name,
    event.hall ?? undefined,
    sales,
    capacity,
    sold,
    left,
  ]);
  return csvOf([EVENT_HEAD, ...cells]);
}

function rowOf(entry: Entry): Cell[] {
  return [
    entry.time,
    entry.name,
    entry.actor,
    seatsOf(entry),
    entry.capacity,
    entry.seats_sold,
    entry.seats_left,
    entry.stream,
    entry.version,
  ];
}

function cellOf(cell: Cell): string {
  if (typeof cell !== 'string') {
    return cell === undefined ? '' : String(cell);
  }
  // Numbers are ours and may be negative; texts are anybody's.
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
