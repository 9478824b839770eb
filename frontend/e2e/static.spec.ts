/** The page as a static site behind nginx, with both services behind it: what deployments have. */
import { expect, test, type APIRequestContext } from '@playwright/test';
import { bookAway, makeEvent } from './data';
import { Nginx } from './nginx';
import { mayRunOwn, OwnPlatform } from './ownPlatform';

test.skip(!mayRunOwn(), 'needs a platform of its own');

/** What both ways to serve the page have to tell alike. */
const HEADERS = [
  'content-security-policy',
  'referrer-policy',
  'x-frame-options',
  'x-content-type-options',
  'cross-origin-opener-policy',
  'permissions-policy',
  'cache-control',
];

let platform: OwnPlatform;
let nginx: Nginx;
let api: APIRequestContext;

test.beforeAll(async ({ playwright }) => {
  platform = await OwnPlatform.start();
  nginx = await Nginx.start(platform);
  api = await playwright.request.newContext({ baseURL: nginx.page });
});

test.afterAll(async () => {
  await api.dispose();
  await nginx.remove();
  await platform.remove();
});

test('an event is found, watched and booked', async ({ page }) => {
  const event = await makeEvent(api, 'Behind nginx');
  await page.goto(`${nginx.page}/?q=${encodeURIComponent(event.name)}`);
  await page.getByRole('link', { name: event.name }).click();
  await expect(page.getByText('20 of 20 seats left')).toBeVisible();
  await bookAway(api, event, 5);
  await expect(page.getByText('15 of 20 seats left')).toBeVisible();
  await page.getByRole('button', { name: 'Book 1 seat' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'You’re in' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('heading', { name: event.name })).toBeVisible();
});

test('each path goes to the service that has it', async () => {
  const { id } = await makeEvent(api, 'Sorted');
  const [events, bookings] = [new URL(platform.page).host, new URL(platform.bookingService).host];
  const paths: [string, string][] = [
    ['/events', events],
    [`/events/${id}`, events],
    ['/events/name/Sorted', events],
    ['/locations', events],
    ['/health/ready', events],
    ['/openapi.json', events],
    [`/events/${id}/availability`, bookings],
    [`/events/${id}/bookings`, bookings],
    [`/events/${id}/history`, bookings],
    ['/sales', bookings],
    ['/users', bookings],
  ];
  for (const [path, service] of paths) {
    expect((await api.get(path)).status(), path).toBe(200);
    await expect.poll(() => nginx.sentTo(path), path).toContain(service);
    expect(new Set(await nginx.sentTo(path)), path).toEqual(new Set([service]));
  }
  const missing = await api.get('/bookings/nothing');
  expect([missing.status(), missing.headers()['content-type']]).toEqual([404, 'application/problem+json']);
});

test('browsers are told the same as by the platform', async () => {
  const document = await (await api.get('/')).text();
  const script = /src="(\/assets\/[^"]+\.js)"/.exec(document)?.[1] ?? '';
  for (const path of [
    '/',
    '/e/one',
    '/b/one',
    '/me',
    '/organise',
    '/organise/events/new',
    '/nowhere',
    script,
  ]) {
    const [theirs, ours] = await Promise.all(
      [nginx.page, platform.page].map(async (page) =>
        fetch(page + path, { headers: { accept: 'text/html' } }),
      ),
    );
    const told = (reply: Response | undefined) =>
      HEADERS.map((name) => [name, reply?.headers.get(name)?.toLowerCase()]);
    expect(theirs?.status, path).toBe(ours?.status);
    expect(told(theirs), path).toEqual(told(ours));
    expect(await theirs?.text(), path).toBe(await ours?.text());
  }
});

test('the platform sends what a browser has already only once', async () => {
  const ask = (path: string, headers: Record<string, string>, method = 'GET') =>
    fetch(platform.page + path, { method, headers: { 'accept-encoding': 'identity', ...headers } });
  const plain = await ask('/me', {});
  const packed = await ask('/me', { 'accept-encoding': 'gzip' });
  const tags = [plain, packed].map((reply) => reply.headers.get('etag') ?? '');
  expect(new Set(tags).size).toBe(2);
  expect(packed.headers.get('content-encoding')).toBe('gzip');
  expect(plain.headers.get('content-encoding')).toBeNull();
  expect(await packed.text()).toBe(await plain.text());
  expect((await ask('/me', { 'accept-encoding': 'gzip;q=0' })).headers.get('etag')).toBe(tags[0]);
  for (const known of [tags[0] ?? '', `"other", ${tags[0] ?? ''}`, '*']) {
    expect((await ask('/', { 'if-none-match': known })).status, known).toBe(304);
  }
  const head = await ask('/me', {}, 'HEAD');
  expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([200, tags[0], '']);

  const missing = await ask('/nowhere', { accept: 'application/json' });
  expect([missing.status, missing.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
  const shown = await ask('/nowhere', { accept: 'text/html,*/*' });
  expect([shown.status, shown.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8']);
});
