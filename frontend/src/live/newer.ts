/** Availability comes by stream and by request, and may overtake itself: the version of the inventory tells what is newer. */
import type { Availability } from '../api/types';

/** The one to show. Of the same version the later arrival counts: time alone changes the status as well. */
export function newerOf(shown: Availability | undefined, arrived: Availability): Availability {
  return shown !== undefined && shown.version > arrived.version ? shown : arrived;
}

export function isAvailability(data: unknown): data is Availability {
  return (
    typeof data === 'object' &&
    data !== null &&
    'event_id' in data &&
    typeof data.event_id === 'string' &&
    'version' in data &&
    typeof data.version === 'number'
  );
}

/** The items of a `snapshot`. */
export function snapshotItems(data: unknown): Availability[] {
  if (typeof data !== 'object' || data === null || !('items' in data) || !Array.isArray(data.items)) {
    return [];
  }
  return data.items.filter(isAvailability);
}

/** Takes in what has arrived, and leaves the map as it is where all of that is older. */
export function withArrived(
  shown: ReadonlyMap<string, Availability>,
  arrived: Availability[],
): ReadonlyMap<string, Availability> {
  const next = new Map(shown);
  for (const availability of arrived) {
    next.set(availability.event_id, newerOf(shown.get(availability.event_id), availability));
  }
  return next;
}
