/**
 * A picture of every page in every state, on a phone and on a wide screen, in both themes, to look at: `screenshots/`.
 * They are of the demonstration's events, on a platform of their own.
 */
import { expect, test, type APIRequestContext, type Page } from '@playwright/test';
import { bookAway, type MadeEvent } from './data';
import { mayRunOwn, OwnPlatform, run } from './ownPlatform';

test.skip(!mayRunOwn(), 'pictures are taken of a platform that shows nothing else');

const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } };
/** Where there is no waiting for anything in particular. */
const HEADING = (page: Page) => page.getByRole('heading', { level: 1 });

interface Shows {
  onSale: MadeEvent;
  fewLeft: MadeEvent;
  soldOut: MadeEvent;
  cancelled: MadeEvent;
  notYet: MadeEvent;
}

let platform: OwnPlatform;
let api: APIRequestContext;
let shows: Shows;

test.beforeAll(async ({ playwright }) => {
  test.setTimeout(120_000);
  platform = await OwnPlatform.start();
  await run('demo', '--url', platform.page);
  api = await playwright.request.newContext({ baseURL: platform.page });
  shows = await showsOf();
});

test.afterAll(async () => {
  await api.dispose();
  await platform.remove();
});

async function listed(): Promise<MadeEvent[]> {
  const reply = await api.get('/events?status=all&limit=50');
  return ((await reply.json()) as { items: MadeEvent[] }).items;
}

async function showsOf(): Promise<Shows> {
  await expect.poll(async () => (await listed()).length).toBe(10);
  const items = await listed();
  const named = (word: string) => items.find(({ name }) => name.includes(word)) as MadeEvent;
  const soldOut = named('Tea and Bamboo');
  await bookAway(api, soldOut, 90);
  return {
    onSale: named('Great Fifths'),
    fewLeft: named('Candlelight'),
    soldOut,
    cancelled: named('Improv'),
    notYet: named('Thousand Drums'),
  };
}

for (const [device, size] of Object.entries(SIZES)) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test.describe(`${device}, ${colorScheme}`, () => {
      test.use({ viewport: size, colorScheme, contextOptions: { reducedMotion: 'reduce' } });

      const take = async (page: Page, name: string) => {
        // A dialogue lies over what can be seen of the page.
        const fullPage = !(await page.getByRole('alertdialog').isVisible());
        await page.screenshot({ path: `screenshots/${device}-${colorScheme}/${name}.png`, fullPage });
      };
      const open = async (page: Page, path: string) => {
        await page.goto(platform.page + path);
        await expect(HEADING(page)).toBeVisible();
      };

      test('what visitors see', async ({ page }) => {
        test.setTimeout(90_000);
        await open(page, '/');
        await expect(page.getByText('3 seats left')).toBeVisible();
        await take(page, 'list');
        await open(page, '/?q=zither');
        await expect(page.getByText('Nothing matches that')).toBeVisible();
        await take(page, 'list-no-match');
        for (const [state, show] of Object.entries(shows) as [string, MadeEvent][]) {
          await open(page, `/e/${show.id}`);
          await expect(page.getByText(/seats? left|sold out|cancelled|not on sale/i).first()).toBeVisible();
          await take(page, `event-${state}`);
        }
        await open(page, '/e/nothing');
        await take(page, 'event-missing');
        await open(page, '/nowhere');
        await take(page, 'not-found');
      });

      test('what guests see', async ({ page }) => {
        test.setTimeout(90_000);
        await open(page, '/me');
        await expect(page.getByText('No bookings yet')).toBeVisible();
        await take(page, 'me-empty');
        for (const show of [shows.onSale, shows.onSale]) {
          await open(page, `/e/${show.id}`);
          await page.getByRole('button', { name: /^Book \d seat/ }).click();
          await expect(page.getByRole('img', { name: /QR code/ })).toBeVisible();
        }
        await take(page, 'booking');
        // Who comes anew may see the last one a moment later.
        await expect(async () => {
          await open(page, '/me');
          await expect(page.getByRole('button', { name: /^Cancel booking/ })).toHaveCount(2, {
            timeout: 2_000,
          });
        }).toPass();
        await take(page, 'me');
        await page
          .getByRole('button', { name: /^Cancel booking/ })
          .first()
          .click();
        await expect(page.getByRole('alertdialog')).toBeVisible();
        await take(page, 'me-cancelling');
        await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel booking' }).click();
        await expect(page.getByRole('heading', { name: 'Past and cancelled' })).toBeVisible();
        await take(page, 'me-cancelled');
      });

      test('what is seen when things go wrong', async ({ page }) => {
        test.setTimeout(90_000);
        let isAway = false;
        await page.route(/\/(events|stream|health)\b/, (route) =>
          isAway ? route.abort() : route.continue(),
        );
        await open(page, `/e/${shows.onSale.id}`);
        const book = page.getByRole('button', { name: /^Book \d seat/ });
        await expect(book).toBeVisible();
        isAway = true;
        await book.click();
        await expect(page.getByText(/cannot be reached/)).toBeVisible();
        await expect(page.getByText(/tried again/)).toBeVisible();
        await take(page, 'event-away');
        await page.goto(`${platform.page}/`);
        await expect(page.getByRole('button', { name: 'Try again' })).toBeVisible({ timeout: 30_000 });
        await take(page, 'list-failed');
      });

      test('what organisers see', async ({ page }) => {
        test.setTimeout(90_000);
        await open(page, '/organise');
        await expect(page.locator('.recharts-bar-rectangle').last()).toBeVisible();
        // What was sold before the stream began is not told by it.
        await expect(async () => {
          await bookAway(api, shows.onSale, 2);
          await expect(page.getByText(/2 seats sold/).first()).toBeVisible({ timeout: 2_000 });
        }).toPass();
        await take(page, 'organise');
        await open(page, `/organise/events/${shows.onSale.id}`);
        await expect(page.locator('.recharts-bar-rectangle').last()).toBeVisible();
        await take(page, 'organise-event');
        await page.getByRole('button', { name: 'Cancel event' }).click();
        await expect(page.getByRole('alertdialog')).toBeVisible();
        await take(page, 'organise-event-cancelling');
        await open(page, `/organise/events/${shows.cancelled.id}`);
        await expect(page.getByText('Cancelled', { exact: true })).toBeVisible();
        await expect(page.locator('.recharts-bar-rectangle').last()).toBeVisible();
        await take(page, 'organise-event-cancelled');
        await open(page, `/organise/events/${shows.onSale.id}/edit`);
        await expect(page.getByLabel('Capacity')).toBeVisible();
        await take(page, 'organise-event-change');
        await page.getByLabel('Capacity').fill('0');
        await page.getByRole('button', { name: 'Save changes' }).click();
        await expect(page.getByText(/whole number from 1/)).toBeVisible();
        await take(page, 'organise-event-mistake');
        await open(page, '/organise/events/new');
        await expect(page.getByLabel('Location')).toBeVisible();
        await take(page, 'organise-event-new');
        await open(page, '/organise/locations');
        await expect(page.getByRole('link', { name: /^Change/ }).first()).toBeVisible();
        await take(page, 'organise-locations');
        await open(page, '/organise/locations/new');
        await take(page, 'organise-location-new');
      });
    });
  }
}
