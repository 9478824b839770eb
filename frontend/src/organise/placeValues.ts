/** A location as its form has it, and what of that is sent. */
import type { components } from '../api/schema';
import type { Place } from '../api/types';
import { visitorZone } from '../format/time';
import { numberOf } from './numberOf';

type NewLocation = components['schemas']['NewLocation'];
type LocationPatch = components['schemas']['LocationPatch'];

export interface HallValues {
  /** Stays with the row while others come and go. */
  key: number;
  name: string;
  location: string;
  capacity: string;
}

export interface PlaceValues {
  name: string;
  address: string;
  country: string;
  time_zone: string;
  open_time: string;
  close_time: string;
  halls: HallValues[];
}

export function newPlaceValues(): PlaceValues {
  return {
    name: '',
    address: '',
    country: '',
    time_zone: visitorZone(),
    open_time: '',
    close_time: '',
    halls: [newHall([])],
  };
}

export function newHall(others: readonly HallValues[]): HallValues {
  const key = 1 + Math.max(0, ...others.map((hall) => hall.key));
  return { key, name: '', location: '', capacity: '' };
}

export function placeValuesOf(place: Place): PlaceValues {
  const hour = (value: number | null | undefined) => (typeof value === 'number' ? String(value) : '');
  return {
    name: place.name,
    address: place.address,
    country: place.country,
    time_zone: place.time_zone,
    open_time: hour(place.open_time),
    close_time: hour(place.close_time),
    halls: place.halls.map((hall, index) => ({
      key: index + 1,
      name: hall.name,
      location: hall.location,
      capacity: String(hall.capacity),
    })),
  };
}

export function newPlaceOf(values: PlaceValues): NewLocation {
  return {
    name: values.name.trim(),
    address: values.address.trim(),
    country: values.country.trim(),
    ...(values.time_zone !== '' && { time_zone: values.time_zone.trim() }),
    open_time: numberOf(values.open_time),
    close_time: numberOf(values.close_time),
    halls: values.halls.map((hall) => ({
      name: hall.name.trim(),
      location: hall.location.trim(),
      capacity: numberOf(hall.capacity) ?? 0,
    })),
  };
}

/** Only what has changed; halls go all together. */
export function placePatchOf(before: PlaceValues, values: PlaceValues): LocationPatch {
  const old: Record<string, unknown> = { ...newPlaceOf(before) };
  const changed = Object.entries(newPlaceOf(values)).filter(
    ([field, value]) => JSON.stringify(value) !== JSON.stringify(old[field]),
  );
  return Object.fromEntries(changed);
}
