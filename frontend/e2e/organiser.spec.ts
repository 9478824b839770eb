/** What organisers do, from a location with its halls to a cancelled event. */
import { expect, test, type Page } from '@playwright/test';
import { expectAccessible } from './accessible';
import { bookAway, makeEvent, waitUntilShown } from './data';

/** What the policy has forbidden. Waits for nothing: ask at the end. */
function watchPolicy(page: Page): string[] {
  const refused: string[] = [];
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) {
      refused.push(message.text());
    }
  });
  return refused;
}

function unlikeOthers(title: string): string {
  return `${title} ${Math.random().toString(36).slice(2, 10)}`;
}

/** The lines of the file that a button saves. */
async function savedLines(page: Page, button: string): Promise<string[]> {
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: button }).click();
  const chunks: Buffer[] = [];
  for await (const chunk of await (await saving).createReadStream()) {
    chunks.push(chunk as Buffer);
  }
  const text = Buffer.concat(chunks).toString();
  // By which a spreadsheet knows how the text is written.
  expect(text.startsWith('\uFEFF')).toBe(true);
  return text.slice(1).split('\r\n');
}

async function createPlace(page: Page, name: string): Promise<void> {
  await page.goto('/organise/locations/new');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Country').fill('Testland');
  await page.getByLabel('Time zone').fill('America/Phoenix');
  await page.getByLabel('Name of the hall').fill('Main');
  await page.getByLabel('Seats', { exact: true }).fill('30');
  await page.getByRole('button', { name: 'Create location' }).click();
  await expect(page.getByRole('heading', { level: 2, name })).toBeVisible();
}

async function createEvent(page: Page, name: string, place: string): Promise<string> {
  await page.goto('/organise/events/new');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Location').selectOption({ label: `${place}, Testland` });
  await page.getByLabel('Hall').selectOption('Main');
  await expect(page.getByText(/America\/Phoenix/)).toBeVisible();
  await page.getByLabel('Start', { exact: true }).fill('2031-06-01T19:00');
  await page.getByLabel('End', { exact: true }).fill('2031-06-01T21:00');
  await page.getByRole('button', { name: 'Create event' }).click();
  await expect(page.getByRole('heading', { level: 1, name })).toBeFocused();
  return new URL(page.url()).pathname.split('/').at(-1) ?? '';
}

test('from a location to a cancelled event', async ({ page, request }) => {
  test.setTimeout(60_000);
  const refused = watchPolicy(page);
  const place = unlikeOthers('Opera');
  const name = unlikeOthers('Aida');
  await createPlace(page, place);
  const id = await createEvent(page, name, place);
  await waitUntilShown(request, id);
  const made = (await (await request.get(`/events/${id}`)).json()) as { start_time: string };
  expect(Date.parse(made.start_time)).toBe(Date.parse('2031-06-02T02:00:00Z'));
  await expect(page.getByText('On sale', { exact: true })).toBeVisible();

  await bookAway(request, { id, name }, 3);
  await expect(page.getByText('3 seats booked')).toBeVisible();
  await expect(page.getByText('of 30 seats')).toBeVisible();
  await expect(page.locator('.recharts-area-curve')).toBeVisible();

  await page.getByRole('link', { name: 'Change event' }).click();
  await page.getByLabel('Capacity').fill('25');
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByRole('heading', { level: 1, name })).toBeFocused();
  await expect(page.getByText('of 25 seats')).toBeVisible();

  await page.getByRole('button', { name: 'Cancel event' }).click();
  const dialog = page.getByRole('alertdialog');
  await expect(dialog.getByRole('button', { name: 'Keep event' })).toBeFocused();
  await expect(dialog.getByText('3 seats are sold.')).toBeVisible();
  await dialog.getByRole('button', { name: 'Cancel event' }).click();
  await expect(page.getByText(/does not take place/)).toBeFocused();
  await expect(page.getByText('Cancelled', { exact: true })).toBeVisible();
  expect(refused).toEqual([]);
});

test('the overview tells of what is sold while one looks on', async ({ page, request }) => {
  const event = await makeEvent(request, 'Watched by its organiser');
  await page.goto('/organise');
  const row = page.getByRole('row').filter({ hasText: event.name });
  await expect(row).toBeVisible();
  const told = (what: string) => page.getByRole('listitem').filter({ hasText: `${what} · ${event.name}` });
  let left = 20;
  // What was sold before the stream began is not told by it.
  await expect(async () => {
    await bookAway(request, event, 1);
    left -= 1;
    await expect(told('1 seat sold').first()).toBeVisible({ timeout: 2_000 });
  }).toPass();
  await bookAway(request, event, 4);
  await expect(told('4 seats sold')).toBeVisible();
  await expect(row.getByRole('cell', { name: String(left - 4), exact: true })).toBeVisible();
});

test('the overview shows how all events sell, and saves them as a table', async ({ page, request }) => {
  const event = await makeEvent(request, 'Counted among all');
  await bookAway(request, event, 3);
  await page.goto('/organise');
  await expect(page.getByText('Sold per hour')).toBeVisible();
  const byHour = page.getByRole('heading', { name: 'Seats sold by hour, last 24 hours' }).locator('..');
  await expect(byHour.locator('.recharts-bar-rectangle').first()).toBeVisible();
  await byHour.getByText('Show as a table').click();
  await expect(byHour.getByRole('row')).toHaveCount(25);
  const overDays = page.getByRole('heading', { name: 'Seats sold in the last 7 days' }).locator('..');
  await expect(overDays.locator('.recharts-area-curve')).toBeVisible();
  await expectAccessible(page);

  const row = page.getByRole('row').filter({ hasText: event.name });
  await expect(row.getByRole('cell', { name: '17', exact: true })).toBeVisible();
  const lines = await savedLines(page, 'Export events (CSV)');
  expect(lines[0]).toBe('id,name,start,location,hall,sales,capacity,seats_sold,seats_left');
  expect(lines.find((line) => line.startsWith(event.id))).toMatch(/,on_sale,20,3,17$/);
});

test('what breaks a rule is said at its field, and the first one is focused', async ({ page, request }) => {
  const event = await makeEvent(request, 'Ruled');
  await page.goto(`/organise/events/${event.id}/edit`);
  await page.getByLabel('Capacity').fill('0');
  await page.getByLabel('Most seats per person').fill('0');
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByLabel('Capacity')).toBeFocused();
  await expect(page.getByLabel('Capacity')).toHaveAccessibleDescription(/whole number from 1/);
  await expect(page.getByLabel('Most seats per person')).toHaveAttribute('aria-invalid', 'true');
  await expectAccessible(page);
});

test('what somebody else has changed is shown and not overwritten', async ({ page, request }) => {
  const event = await makeEvent(request, 'Contended');
  await page.goto(`/organise/events/${event.id}/edit`);
  await page.getByLabel('Description').fill('Ours');
  const theirs = await request.patch(`/events/${event.id}`, { data: { capacity: 17 } });
  expect(theirs.status()).toBe(200);
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByText(/Somebody else has changed this event/)).toBeVisible();
  await expect(page.getByLabel('Capacity')).toHaveValue('17');
  await expect(page.getByLabel('Description')).toHaveValue('Ours');
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByRole('heading', { level: 1, name: event.name })).toBeVisible();
  const now = async () => (await (await request.get(`/events/${event.id}`)).json()) as unknown;
  await expect.poll(now).toMatchObject({ capacity: 17, description: 'Ours' });
});

test('what somebody else has changed of a location stays, and so does what one has typed', async ({
  page,
  request,
}) => {
  const event = await makeEvent(request, 'At a place');
  const read = async (path: string) => (await (await request.get(path)).json()) as Record<string, string>;
  const place = (await read(`/events/${event.id}`))['location_id'] ?? '';
  await page.goto(`/organise/locations/${place}/edit`);
  await page.getByLabel('Address').fill('2 New Street');
  const theirs = await request.patch(`/locations/${place}`, { data: { country: 'Elsewhere' } });
  expect(theirs.status()).toBe(200);
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByText(/Somebody else has changed this location/)).toBeVisible();
  await expect(page.getByLabel('Country')).toHaveValue('Elsewhere');
  await expect(page.getByLabel('Address')).toHaveValue('2 New Street');
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Locations' })).toBeVisible();
  // Who reads without the token of the change may see it a moment later.
  const now = { country: 'Elsewhere', address: '2 New Street' };
  await expect.poll(() => read(`/locations/${place}`)).toMatchObject(now);
});

test('hours that a clock skips or doubles are asked about', async ({ page }) => {
  const place = unlikeOthers('Hall of clocks');
  await createPlace(page, place);
  await page.getByRole('listitem').filter({ hasText: place }).getByRole('link').click();
  await page.getByLabel('Time zone').fill('Europe/Berlin');
  await page.getByRole('button', { name: 'Save changes' }).click();
  await expect(page.getByRole('listitem').filter({ hasText: place })).toContainText('Europe/Berlin');
  await page.goto('/organise/events/new');
  await page.getByLabel('Location').selectOption({ label: `${place}, Testland` });
  const start = page.getByLabel('Start', { exact: true });
  await start.fill('2031-03-30T02:30');
  await expect(start).toHaveAccessibleDescription(/never comes/);
  await start.fill('2031-10-26T02:30');
  await expect(page.getByLabel('Which of the two: Start').getByRole('option')).toHaveCount(2);
});

test('halls come and go by keyboard', async ({ page }) => {
  await page.goto('/organise/locations/new');
  await page.getByRole('button', { name: 'Add a hall' }).press('Enter');
  const second = page.getByRole('group', { name: 'Hall 2' });
  await expect(second.getByLabel('Name of the hall')).toBeFocused();
  await page.keyboard.type('Small');
  await page.getByRole('button', { name: 'Remove hall 1' }).press('Enter');
  const first = page.getByRole('group', { name: 'Hall 1' }).getByLabel('Name of the hall');
  await expect(first).toBeFocused();
  await expect(first).toHaveValue('Small');
  await page.getByRole('button', { name: 'Remove hall 1' }).press('Enter');
  await expect(page.getByRole('button', { name: 'Add a hall' })).toBeFocused();
});

test('the history is saved as a table', async ({ page, request }) => {
  const event = await makeEvent(request, 'Kept');
  await bookAway(request, event, 2);
  await page.goto(`/organise/events/${event.id}`);
  const lines = await savedLines(page, 'Export history (CSV)');
  expect(lines[0]).toBe('time,what,who,seats,capacity,seats_sold,seats_left,stream,version');
  expect(lines.some((line) => line.includes('event.booked,guest,2,20,2,18'))).toBe(true);
});

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds nothing on any page, ${colorScheme}`, async ({ page, request }) => {
    test.setTimeout(90_000);
    const event = await makeEvent(request, 'For every organiser');
    await bookAway(request, event, 5);
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.goto(`/organise/events/${event.id}`);
    await expect(page.getByText('5 seats booked')).toBeVisible();
    await page.getByText('Show as a table').first().click();
    await expectAccessible(page);
    await page.getByRole('button', { name: 'Cancel event' }).click();
    await expect(page.getByRole('alertdialog')).toBeVisible();
    await expectAccessible(page);
    const pages = ['', '/events/new', `/events/${event.id}/edit`, '/locations', '/locations/new'];
    for (const path of pages) {
      await page.goto(`/organise${path}`);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      await expectAccessible(page);
    }
    await page.goto('/organise/locations');
    await page
      .getByRole('link', { name: /^Change/ })
      .first()
      .click();
    await expect(page.getByRole('heading', { level: 1, name: 'Change location' })).toBeVisible();
    await expectAccessible(page);
  });
}
