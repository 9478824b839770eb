/**
 * Data for the tests, made through the API, and to be read in every view when these return. Names are unlike each other, so
 * that tests can share a platform.
 */
import { expect, type APIRequestContext } from '@playwright/test';

export interface MadeEvent {
  id: string;
  name: string;
}

interface Options {
  seats?: number;
  description?: string;
  mostPerBooking?: number;
}

const DAY_MS = 24 * 3_600_000;
const TOKEN_HEADER = 'consistency-token';

export async function makeEvent(
  api: APIRequestContext,
  title: string,
  options: Options = {},
): Promise<MadeEvent> {
  const name = `${title} ${Math.random().toString(36).slice(2, 10)}`;
  const reply = await api.post('/events', {
    data: {
      name,
      description: options.description ?? 'Made by a test.\nOn two lines.',
      start_time: new Date(Date.now() + 10 * DAY_MS).toISOString(),
      duration: 90,
      location_id: await makePlace(api, options.seats ?? 20),
      max_seats_per_booking: options.mostPerBooking,
    },
  });
  expect(reply.status()).toBe(201);
  const { id } = (await reply.json()) as { id: string };
  await waitUntilShown(api, id);
  return { id, name };
}

/** Until both services show that an event can be booked: who reads without the token of its creation may find it a moment later. */
export async function waitUntilShown(api: APIRequestContext, id: string): Promise<void> {
  await expect.poll(async () => (await api.get(`/events/${id}/availability`)).status()).toBe(200);
  await expect.poll(() => seatsLeft(api, id)).not.toBeNull();
}

/** Books as somebody else. */
export async function bookAway(api: APIRequestContext, event: MadeEvent, seats: number): Promise<void> {
  const reply = await api.post(`/events/${event.id}/bookings`, { data: { seats } });
  expect(reply.status()).toBe(201);
  const headers = { [TOKEN_HEADER]: reply.headers()[TOKEN_HEADER] ?? '' };
  for (const view of ['', '/availability']) {
    expect((await api.get(`/events/${event.id}${view}`, { headers })).status()).toBe(200);
  }
}

/** Changes what the booking service goes by, and waits until it does. */
export async function changeEvent(
  api: APIRequestContext,
  event: MadeEvent,
  changes: Record<string, unknown>,
): Promise<void> {
  const before = await inventoryVersion(api, event);
  const reply = await api.patch(`/events/${event.id}`, { data: changes });
  expect(reply.status()).toBe(200);
  await expect.poll(() => inventoryVersion(api, event)).toBeGreaterThan(before);
}

/** Null until the view has the event and what can be booked of it. */
async function seatsLeft(api: APIRequestContext, id: string): Promise<number | null> {
  const reply = await api.get(`/events/${id}`);
  if (reply.status() === 404) return null;
  return ((await reply.json()) as { seats_left: number | null }).seats_left;
}

async function inventoryVersion(api: APIRequestContext, event: MadeEvent): Promise<number> {
  const reply = await api.get(`/events/${event.id}/availability`);
  return ((await reply.json()) as { version: number }).version;
}

async function makePlace(api: APIRequestContext, seats: number): Promise<string> {
  const reply = await api.post('/locations', {
    data: {
      name: 'Test Theatre',
      address: '1 Test Street',
      country: 'Testland',
      time_zone: 'America/Phoenix',
      halls: [{ name: 'Hall', capacity: seats }],
    },
  });
  expect(reply.status()).toBe(201);
  return ((await reply.json()) as { id: string }).id;
}
