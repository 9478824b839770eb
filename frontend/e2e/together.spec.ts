/** What several people, and programs, do at the same time to what a page shows. */
import { expect, test, type Page } from '@playwright/test';
import { changeEvent, makeEvent } from './data';

const BOOK_ONE = { name: 'Book 1 seat' };

/** The page of an event, which hears of seats now and then only: it books on what it has seen a while ago. */
async function visitWithoutStream(page: Page, eventId: string): Promise<void> {
  await page.route('**/stream?*', (route) => route.abort());
  await page.goto(`/e/${eventId}`);
  await expect(page.getByRole('button', BOOK_ONE)).toBeVisible();
}

test('of two who book the last seat one gets it, and the other reads so and goes on', async ({
  browser,
  request,
}) => {
  const event = await makeEvent(request, 'Last seat', { seats: 1 });
  const other = await makeEvent(request, 'Next door');
  const visitors = await Promise.all([1, 2].map(async () => (await browser.newContext()).newPage()));
  await Promise.all(visitors.map((page) => visitWithoutStream(page, event.id)));
  await Promise.all(visitors.map((page) => page.getByRole('button', BOOK_ONE).click()));

  const winners = visitors.map(async (page) => {
    const booked = page.getByRole('heading', { level: 1, name: 'You’re in' });
    const soldOut = page.getByRole('heading', { level: 2, name: 'Sold out' });
    await expect(booked.or(soldOut)).toBeVisible();
    return (await booked.count()) === 1;
  });
  const won = await Promise.all(winners);
  expect(won.toSorted()).toEqual([false, true]);

  const loser = visitors[won.indexOf(false)] as Page;
  await expect(loser.getByText(/Every seat is taken/)).toBeVisible();
  await expect(loser.getByRole('button', { name: /^Book/ })).toHaveCount(0);
  await loser.getByRole('link', { name: 'All events' }).click();
  await loser.getByRole('searchbox').fill(other.name);
  await loser.getByRole('link', { name: other.name }).click();
  await loser.getByRole('button', BOOK_ONE).click();
  await expect(loser.getByRole('heading', { level: 1, name: 'You’re in' })).toBeVisible();
  await Promise.all(visitors.map((page) => page.context().close()));
});

test('who books the last seats is shown the booking, even where the seats are told of first', async ({
  page,
  request,
}) => {
  const event = await makeEvent(request, 'Both of them', { seats: 2 });
  await page.route('**/bookings', async (route) => {
    const response = await route.fetch();
    await expect(page.getByText('0 of 2 seats left')).toBeVisible();
    await expect(page.getByRole('textbox', { name: 'Seats' })).toHaveValue('2');
    await route.fulfill({ response });
  });
  await page.goto(`/e/${event.id}`);
  await page.getByRole('button', { name: 'One seat more' }).click();
  await page.getByRole('button', { name: 'Book 2 seats' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'You’re in' })).toBeVisible();
});

test('a limit that was lowered meanwhile reads as a sentence', async ({ page, request }) => {
  const event = await makeEvent(request, 'Limited', { mostPerBooking: 4 });
  await visitWithoutStream(page, event.id);
  await page.getByRole('button', { name: 'One seat more' }).click();
  await page.route('**/availability', (route) => route.abort());
  await changeEvent(request, event, { max_seats_per_booking: 1 });
  await page.getByRole('button', { name: 'Book 2 seats' }).click();
  await expect(page.getByText('One booking may have at most 1 seat.')).toBeVisible();
});

test('what a program changes is shown without a reload', async ({ page, request }) => {
  const event = await makeEvent(request, 'Before');
  await page.goto(`/e/${event.id}`);
  await expect(page.getByText('20 of 20 seats left')).toBeVisible();
  const name = event.name.replace('Before', 'After');
  const times = { start_time: '2031-06-01T18:00:00Z', end_time: '2031-06-01T20:00:00Z' };
  await changeEvent(request, event, { name, ...times, capacity: 15 });
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
  await expect(page.getByText('15 of 15 seats left')).toBeVisible();
  await expect(page.getByText(/1 June 2031/).first()).toBeVisible();
  const cancelled = await request.post(`/events/${event.id}/cancel`, { data: {} });
  expect(cancelled.ok()).toBe(true);
  await expect(page.getByRole('heading', { level: 2, name: 'This event is cancelled' })).toBeVisible();
});
