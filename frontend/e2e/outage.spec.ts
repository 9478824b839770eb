/** A server that stops and starts under an open page. Needs a platform of its own. */
import { test as base, expect, type APIRequestContext } from '@playwright/test';
import { bookAway, makeEvent } from './data';
import { mayRunOwn, OwnPlatform } from './ownPlatform';

const test = base.extend<{ platform: OwnPlatform; api: APIRequestContext }>({
  platform: async ({}, lend) => {
    const platform = await OwnPlatform.start();
    await lend(platform);
    await platform.remove();
  },
  api: async ({ platform, playwright }, lend) => {
    const api = await playwright.request.newContext({ baseURL: platform.page });
    await lend(api);
    await api.dispose();
  },
});

const AWAY = /cannot be reached/;

test.skip(!mayRunOwn(), 'a platform that is not the tests’ own is not theirs to stop');

test('while the server is away the page says so, and then goes on by itself', async ({
  page,
  platform,
  api,
}) => {
  test.setTimeout(90_000);
  const event = await makeEvent(api, 'Through thick and thin');
  await page.goto(`${platform.page}/e/${event.id}`);
  await expect(page.getByText('20 of 20 seats left')).toBeVisible();

  await platform.stop();
  await expect(page.getByText(AWAY)).toBeVisible();
  await page.getByRole('button', { name: 'Book 1 seat' }).click();
  await expect(page.getByText(/Your booking is tried again/)).toBeVisible();

  await platform.startAgain();
  await expect(page.getByRole('heading', { level: 1, name: 'You’re in' })).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText(AWAY)).toBeHidden();
  await page.goBack();
  await expect(page.getByText('19 of 20 seats left')).toBeVisible();
});

test('seats go on changing by themselves after the server was away', async ({ page, platform, api }) => {
  test.setTimeout(90_000);
  const event = await makeEvent(api, 'Patience');
  await page.goto(`${platform.page}/e/${event.id}`);
  await expect(page.getByText('20 of 20 seats left')).toBeVisible();

  await platform.stop();
  await expect(page.getByText(AWAY)).toBeVisible();
  await platform.startAgain();
  await expect(page.getByText(AWAY)).toBeHidden();
  await bookAway(api, event, 5);
  await expect(page.getByText('15 of 20 seats left')).toBeVisible();
});
