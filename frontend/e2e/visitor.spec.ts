/** What visitors do, from finding an event to cancelling a booking, with eyes, keyboard and screen reader. */
import { expect, test, type Page } from '@playwright/test';
import { expectAccessible } from './accessible';
import { bookAway, makeEvent } from './data';

async function book(page: Page, eventId: string, seats: number): Promise<void> {
  await page.goto(`/e/${eventId}`);
  for (let more = 1; more < seats; more += 1) {
    await page.getByRole('button', { name: 'One seat more' }).click();
  }
  await page.getByRole('button', { name: /^Book \d seats?$/ }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'You’re in' })).toBeFocused();
}

test('finds an event by search, books it, shows it and cancels it', async ({ page, request }) => {
  const event = await makeEvent(request, 'Evening of songs');
  await page.goto('/');
  const search = page.getByRole('searchbox');
  await search.pressSequentially(event.name, { delay: 20 });
  await expect(page.getByRole('heading', { level: 3 })).toHaveText([event.name]);
  await expect(search).toBeFocused();
  await expect(page).toHaveURL(/\?q=Evening/);

  await page.getByRole('link', { name: event.name }).click();
  await expect(page.getByRole('heading', { level: 1, name: event.name })).toBeFocused();
  await page.getByRole('button', { name: 'One seat more' }).click();
  await page.getByRole('button', { name: 'Book 2 seats' }).click();

  await expect(page.getByRole('heading', { level: 1, name: 'You’re in' })).toBeFocused();
  await expect(page.getByRole('img', { name: /QR code/ })).toBeVisible();
  await expect(page.getByRole('heading', { name: event.name })).toBeVisible();
  await expect(page.getByText('2 seats', { exact: true })).toBeVisible();

  await page.getByRole('link', { name: 'My bookings' }).click();
  await page.getByRole('button', { name: /^Cancel booking/ }).click();
  const dialog = page.getByRole('alertdialog');
  await expect(dialog.getByRole('button', { name: 'Keep booking' })).toBeFocused();
  await dialog.getByRole('button', { name: 'Cancel booking' }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByText(/^Cancelled: 2 seats/)).toBeFocused();
  await expect(page.getByRole('heading', { name: 'Past and cancelled' })).toBeVisible();
});

test('the back button finds the search again', async ({ page, request }) => {
  const event = await makeEvent(request, 'Way back');
  await page.goto('/');
  await page.getByRole('searchbox').fill(event.name);
  await page.getByRole('link', { name: event.name }).click();
  await expect(page.getByRole('heading', { level: 1, name: event.name })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole('searchbox')).toHaveValue(event.name);
  await expect(page.getByRole('heading', { level: 3 })).toHaveText([event.name]);
});

test('a double click books once', async ({ page, request }) => {
  const event = await makeEvent(request, 'Double');
  let bookings = 0;
  page.on('request', (sent) => {
    bookings += sent.method() === 'POST' ? 1 : 0;
  });
  await page.goto(`/e/${event.id}`);
  await page.getByRole('button', { name: 'Book 1 seat' }).dblclick();
  await expect(page).toHaveURL(/\/b\//);
  expect(bookings).toBe(1);
});

test('a number that was typed counts when Enter books', async ({ page, request }) => {
  const event = await makeEvent(request, 'Typed');
  await page.goto(`/e/${event.id}`);
  await page.getByRole('textbox', { name: 'Seats' }).fill('3');
  await page.keyboard.press('Enter');
  await expect(page.getByText('3 seats', { exact: true })).toBeVisible();
});

test('the list is found again where it was left', async ({ page, request }) => {
  await Promise.all(Array.from({ length: 25 }, () => makeEvent(request, 'Many')));
  await page.goto('/?q=Many');
  const rows = page.getByRole('heading', { level: 3 });
  await expect(rows.first()).toBeVisible();
  await page.evaluate(() => {
    window.scrollTo(0, document.body.scrollHeight);
  });
  await expect.poll(() => rows.count()).toBeGreaterThan(20);
  await page.locator('h3 a').nth(10).click();
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
  await expect.poll(() => page.evaluate(() => window.scrollY)).toBe(0);
  await page.goBack();
  await expect.poll(() => page.evaluate(() => window.scrollY)).toBeGreaterThan(1000);
});

test('a busy server is asked again with the same key', async ({ page, request }) => {
  const event = await makeEvent(request, 'Busy');
  const keys: (string | undefined)[] = [];
  await page.route('**/bookings', async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    if (keys.length > 1) {
      return route.continue();
    }
    const type = 'https://myevents.example/problems/unavailable';
    return route.fulfill({
      status: 503,
      contentType: 'application/problem+json',
      headers: { 'retry-after': '1' },
      body: JSON.stringify({ type, title: 'Busy', status: 503 }),
    });
  });
  await page.goto(`/e/${event.id}`);
  await page.getByRole('button', { name: 'Book 1 seat' }).click();
  await expect(page.getByText(/tried again/)).toBeVisible();
  await expect(page).toHaveURL(/\/b\//);
  expect(keys).toHaveLength(2);
  expect(keys[0]).toBe(keys[1]);
});

test('says how many seats are left and lets book those', async ({ page, request }) => {
  const event = await makeEvent(request, 'Scarce', { seats: 4 });
  // The page is kept from noticing by itself that seats are going.
  await page.route('**/stream?*', (route) => route.abort());
  await page.goto(`/e/${event.id}`);
  await expect(page.getByText('4 of 4 seats left')).toBeVisible();
  await page.getByRole('button', { name: 'One seat more' }).click();
  await page.getByRole('button', { name: 'One seat more' }).click();
  await page.route('**/availability', (route) => route.abort());
  await bookAway(request, event, 2);
  await page.getByRole('button', { name: 'Book 3 seats' }).click();
  await expect(page.getByText('Only 2 seats are left. You can book them now.')).toBeVisible();
  await page.getByRole('button', { name: 'Book 2 seats' }).click();
  await expect(page).toHaveURL(/\/b\//);
});

test('seats left change by themselves, down to sold out in words', async ({ page, request }) => {
  const event = await makeEvent(request, 'Going fast', { seats: 3 });
  await page.goto(`/e/${event.id}`);
  await expect(page.getByText('3 of 3 seats left')).toBeVisible();
  await bookAway(request, event, 2);
  await expect(page.getByText('1 of 3 seats left')).toBeVisible();
  await bookAway(request, event, 1);
  await expect(page.getByRole('heading', { name: 'Sold out' })).toBeVisible();
  await expect(page.getByText(/Every seat is taken/)).toBeVisible();
  await expect(page.getByRole('button', { name: /^Book/ })).toHaveCount(0);
});

test('seats in the list change as they sell', async ({ page, request }) => {
  const event = await makeEvent(request, 'Watched');
  await page.goto(`/?q=${encodeURIComponent(event.name)}`);
  await expect(page.getByText('20 seats left')).toBeVisible();
  await bookAway(request, event, 15);
  // Without a stream they would be asked for after a quarter of a minute.
  await expect(page.getByText('5 seats left')).toBeVisible({ timeout: 8_000 });
});

test('seats in the list are asked for where no stream tells of them', async ({ page, request }) => {
  test.setTimeout(60_000);
  const event = await makeEvent(request, 'Asked for');
  await page.route('**/stream?*', (route) => route.abort());
  await page.goto(`/?q=${encodeURIComponent(event.name)}`);
  await expect(page.getByText('20 seats left')).toBeVisible();
  await bookAway(request, event, 15);
  await expect(page.getByText('5 seats left')).toBeVisible({ timeout: 25_000 });
});

test('filters are set by keyboard, and the address keeps them', async ({ page, request }) => {
  const event = await makeEvent(request, 'Filtered');
  const soldOut = await makeEvent(request, 'Filtered', { seats: 1 });
  await bookAway(request, soldOut, 1);
  await page.goto('/?q=Filtered');
  const rows = page.getByRole('heading', { level: 3 });
  await expect(rows).toHaveCount(2);
  await page.getByLabel('Only with free seats').press('Space');
  await expect(rows).toHaveText([event.name]);
  await page.getByLabel('Where').selectOption('Testland');
  await expect(rows).toHaveText([event.name]);
  await page.getByLabel('When').selectOption('From a date');
  const from = page.getByLabel('From', { exact: true });
  await from.focus();
  await page.keyboard.type('01012099', { delay: 60 });
  await expect(page.getByText('Nothing matches that')).toBeVisible();
  await expect(from).toHaveValue('2099-01-01');
  await expect(page).toHaveURL(/from=2099-01-01/);
  await page.reload();
  await expect(from).toHaveValue('2099-01-01');
  await page.getByRole('button', { name: 'Clear all filters' }).click();
  await expect(page.getByLabel('Only with free seats')).not.toBeChecked();
  await expect(page.getByRole('searchbox')).toHaveValue('');
});

test('whoever is in the form when the last seat goes is told what stands there now', async ({
  page,
  request,
}) => {
  const event = await makeEvent(request, 'In the form', { seats: 2 });
  await page.goto(`/e/${event.id}`);
  await page.getByRole('button', { name: 'Book 1 seat' }).focus();
  await bookAway(request, event, 2);
  await expect(page.getByRole('heading', { level: 2, name: 'Sold out' })).toBeFocused();
});

test('a booking prints on one page, without what only a screen needs', async ({ page, request }) => {
  const event = await makeEvent(request, 'On paper');
  await book(page, event.id, 1);
  await page.emulateMedia({ media: 'print' });
  await expect(page.getByRole('img', { name: /QR code/ })).toBeVisible();
  await expect(page.getByRole('heading', { name: event.name })).toBeVisible();
  await expect(page.getByRole('navigation')).toBeHidden();
  await expect(page.getByRole('button', { name: 'Print' })).toBeHidden();
  const pdf = (await page.pdf({ format: 'A4' })).toString('latin1');
  expect(pdf.match(/\/Type\s*\/Page\b/g)).toHaveLength(1);
});

test('names are shown as they are and break nothing', async ({ page, request }) => {
  const event = await makeEvent(request, `<img src=x> ${'🎉'.repeat(120)} مهرجان`);
  await page.setViewportSize({ width: 360, height: 800 });
  const isWhole = async () => {
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow, page.url()).toBeLessThanOrEqual(0);
    expect(await page.locator('img[src="x"]').count(), page.url()).toBe(0);
  };
  await book(page, event.id, 1);
  await expect(page.getByRole('heading', { name: event.name })).toBeVisible();
  await isWhole();
  await page.goto(`/e/${event.id}`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(event.name);
  await isWhole();
  for (const path of [
    `/?q=${encodeURIComponent('مهرجان')}`,
    '/me',
    '/organise',
    `/organise/events/${event.id}`,
  ]) {
    // Who comes anew may see it a moment later.
    await expect(async () => {
      await page.goto(path);
      await expect(page.getByText(event.name).first()).toBeVisible({ timeout: 2_000 });
    }).toPass();
    await isWhole();
  }
});

test('numbers and times are written as Germans write them', async ({ browser, request }) => {
  const event = await makeEvent(request, 'Auf Deutsch', { seats: 1200 });
  const context = await browser.newContext({ locale: 'de-DE', timezoneId: 'Europe/Berlin' });
  const page = await context.newPage();
  await page.goto(`/e/${event.id}`);
  await expect(page.getByText('1.200 von 1.200 Plätzen frei')).toBeVisible();
  await expect(page.getByText(/in deiner Zeitzone/)).toBeVisible();
  await page.getByRole('button', { name: '1 Platz buchen' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Du bist dabei' })).toBeVisible();
  await context.close();
});

test('speaks German where the browser does, and English when asked', async ({ browser }) => {
  const context = await browser.newContext({ locale: 'de-DE' });
  const page = await context.newPage();
  await page.goto('/me');
  await expect(page.getByRole('heading', { level: 1, name: 'Meine Buchungen' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'de');
  await page.getByRole('button', { name: 'English' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'My bookings' })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  await context.close();
});

test('a quiet banner comes and goes with the network', async ({ page, context }) => {
  await page.goto('/');
  await context.setOffline(true);
  await expect(page.getByText(/cannot be reached/)).toBeVisible();
  await context.setOffline(false);
  await expect(page.getByText(/cannot be reached/)).toBeHidden();
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing on any page, ${colorScheme}`, async ({ page, request }) => {
    test.setTimeout(90_000);
    const event = await makeEvent(request, 'For everyone');
    const soldOut = await makeEvent(request, 'Sold out', { seats: 1 });
    await bookAway(request, soldOut, 1);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });

    await page.goto('/');
    await expect(page.getByRole('heading', { level: 3 }).first()).toBeVisible();
    await expectAccessible(page);
    await page.goto(`/e/${soldOut.id}`);
    await expect(page.getByRole('heading', { name: 'Sold out', exact: true })).toBeVisible();
    await expectAccessible(page);
    await page.goto(`/e/${event.id}`);
    await expect(page.getByRole('button', { name: /^Book/ })).toBeVisible();
    await expectAccessible(page);
    await book(page, event.id, 2);
    await expectAccessible(page);
    await page.goto('/me');
    await page.getByRole('button', { name: /^Cancel booking/ }).click();
    await expectAccessible(page);
    await page.keyboard.press('Escape');
    await expect(page.getByRole('alertdialog')).toBeHidden();
    await expectAccessible(page);
    await page.goto('/nowhere');
    await expect(page.getByRole('heading', { level: 1, name: 'This page does not exist' })).toBeVisible();
    await expectAccessible(page);
  });
}
