/** Data for the tests, made through the API. Names are unlike each other, so that tests can share a platform. */
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
  await expect.poll(async () => (await api.get(`/events/${id}/availability`)).status()).toBe(200);
  return { id, name };
}

/** Books as somebody else. */
export async function bookAway(api: APIRequestContext, event: MadeEvent, seats: number): Promise<void> {
  const reply = await api.post(`/events/${event.id}/bookings`, { data: { seats } });
  expect(reply.status()).toBe(201);
}

export async function changeEvent(
  api: APIRequestContext,
  event: MadeEvent,
  changes: Record<string, unknown>,
): Promise<void> {
  const reply = await api.patch(`/events/${event.id}`, { data: changes });
  expect(reply.status()).toBe(200);
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
