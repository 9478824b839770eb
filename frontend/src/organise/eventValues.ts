/** An event as its form has it, and what of that is sent. */
import type { Event, FieldError } from '../api/types';
import type { components } from '../api/schema';
import { numberOf } from './numberOf';
import { isSkipped, momentsOf, wallOf } from './zoned';

type NewEvent = components['schemas']['NewEvent'];
type EventPatch = components['schemas']['EventPatch'];

export interface WallTime {
  /** `2030-06-01T18:00` by the clock of the place; empty where there is none. */
  wall: string;
  /** Of an hour that comes twice, the second one. */
  isLater: boolean;
}

export interface EventValues {
  name: string;
  description: string;
  location_id: string;
  hall: string;
  capacity: string;
  start_time: WallTime;
  end_time: WallTime;
  sales_start: WallTime;
  sales_end: WallTime;
  max_seats_per_booking: string;
  max_seats_per_user: string;
  image_url: string;
  organiser: string;
}

export type EventField = keyof EventValues;

const TIMES = ['start_time', 'end_time', 'sales_start', 'sales_end'] as const;
const REQUIRED = ['name', 'location_id', 'start_time', 'end_time'] as const;
const NO_TIME: WallTime = { wall: '', isLater: false };

export const NO_VALUES: EventValues = {
  name: '',
  description: '',
  location_id: '',
  hall: '',
  capacity: '',
  start_time: NO_TIME,
  end_time: NO_TIME,
  sales_start: NO_TIME,
  sales_end: NO_TIME,
  max_seats_per_booking: '',
  max_seats_per_user: '',
  image_url: '',
  organiser: '',
};

export function valuesOf(event: Event, zone: string): EventValues {
  const number = (value: number | null | undefined) => (typeof value === 'number' ? String(value) : '');
  return {
    name: event.name,
    description: event.description ?? '',
    location_id: event.location_id,
    hall: event.hall ?? '',
    capacity: number(event.capacity),
    start_time: wallTimeOf(event.start_time, zone),
    end_time: wallTimeOf(event.end_time, zone),
    sales_start: wallTimeOf(event.sales_start ?? '', zone),
    // That is what it is without being said, and then it moves along with the start.
    sales_end: event.sales_end === event.start_time ? NO_TIME : wallTimeOf(event.sales_end, zone),
    max_seats_per_booking: number(event.max_seats_per_booking),
    max_seats_per_user: number(event.max_seats_per_user),
    image_url: event.image_url ?? '',
    organiser: event.organiser ?? '',
  };
}

function wallTimeOf(time: string, zone: string): WallTime {
  if (time === '') {
    return NO_TIME;
  }
  const wall = wallOf(time, zone);
  const last = momentsOf(wall, zone)[1];
  return { wall, isLater: last !== undefined && Date.parse(time) >= Date.parse(last) };
}

/** What can be said before anything is sent, in the words of the API. */
export function mistakesIn(values: EventValues, zone: string): FieldError[] {
  const missing = REQUIRED.filter((field) => isEmpty(values[field])).map((field) => ({
    field,
    rule: 'is required',
  }));
  const skipped = TIMES.filter((field) => isSkipped(values[field].wall, zone)).map((field) => ({
    field,
    rule: 'is skipped',
  }));
  return [...missing, ...skipped];
}

function isEmpty(value: string | WallTime): boolean {
  return (typeof value === 'string' ? value.trim() : value.wall) === '';
}

export function momentOf({ wall, isLater }: WallTime, zone: string): string | null {
  const moments = momentsOf(wall, zone);
  return (isLater ? moments.at(-1) : moments[0]) ?? null;
}

function bodyOf(values: EventValues, zone: string) {
  return {
    name: values.name.trim(),
    description: textOf(values.description),
    location_id: values.location_id,
    hall: textOf(values.hall),
    capacity: numberOf(values.capacity),
    start_time: momentOf(values.start_time, zone),
    end_time: momentOf(values.end_time, zone),
    sales_start: momentOf(values.sales_start, zone),
    sales_end: momentOf(values.sales_end, zone),
    max_seats_per_booking: numberOf(values.max_seats_per_booking),
    max_seats_per_user: numberOf(values.max_seats_per_user),
    image_url: textOf(values.image_url),
  };
}

export function newEventOf(values: EventValues, zone: string): NewEvent {
  const body = { ...bodyOf(values, zone), organiser: textOf(values.organiser) };
  const stated = Object.entries(body).filter(([, value]) => value !== null);
  return Object.fromEntries(stated) as NewEvent;
}

/** Only what has changed. A place moves the event's times along with its clock, so each side has its own zone. */
export function patchOf(
  before: EventValues,
  zoneBefore: string,
  values: EventValues,
  zone: string,
): EventPatch {
  const old: Record<string, unknown> = bodyOf(before, zoneBefore);
  const changed = Object.entries(bodyOf(values, zone)).filter(([field, value]) => value !== old[field]);
  return Object.fromEntries(changed);
}

function textOf(text: string): string | null {
  return text.trim() === '' ? null : text.trim();
}
