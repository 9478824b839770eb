/** What a first visit may cost: script, and patience with a page that moves under one's hands. */
import { expect, test, type Page } from '@playwright/test';
import { makeEvent } from './data';

/** Bytes as they come over the network, compressed. */
const MOST_SCRIPT = 200_000;

async function watchShifts(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const shifts: number[] = [];
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      // See https://web.dev/articles/cls for what counts: not what follows a visitor's own act at once.
      for (const entry of list.getEntries() as (PerformanceEntry & {
        value: number;
        hadRecentInput: boolean;
      })[]) {
        if (!entry.hadRecentInput) shifts.push(entry.value);
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
}

const shiftsOf = (page: Page): Promise<number[]> =>
  page.evaluate(() => (window as unknown as { shifts: number[] }).shifts);

/** Until what has come is drawn: the streams' first messages come a moment after the page. */
async function settle(page: Page): Promise<void> {
  await page.evaluate(async () => {
    for (let frames = 0; frames < 60; frames += 1) {
      await new Promise((drawn) => requestAnimationFrame(drawn));
    }
  });
}

const scriptBytesOf = (page: Page): Promise<number> =>
  page.evaluate(() =>
    (performance.getEntriesByType('resource') as PerformanceResourceTiming[])
      .filter(({ name }) => new URL(name).pathname.endsWith('.js'))
      .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
  );

for (const [device, size] of Object.entries({
  phone: { width: 390, height: 844 },
  desktop: { width: 1280, height: 800 },
})) {
  test(`a first visit is light, and nothing moves: ${device}`, async ({ page, request }) => {
    const event = await makeEvent(request, 'Light');
    await page.setViewportSize(size);
    await watchShifts(page);
    const visits: [string, () => Promise<void>][] = [
      ['/', () => expect(page.getByRole('heading', { level: 3 }).first()).toBeVisible()],
      [`/e/${event.id}`, () => expect(page.getByText('20 of 20 seats left')).toBeVisible()],
      ['/me', () => expect(page.getByText('No bookings yet')).toBeVisible()],
    ];
    for (const [path, isShown] of visits) {
      await page.goto(path);
      await isShown();
      await settle(page);
      expect(await shiftsOf(page), path).toEqual([]);
      const script = await scriptBytesOf(page);
      expect(script, path).toBeGreaterThan(10_000);
      expect(script, path).toBeLessThan(MOST_SCRIPT);
    }
  });
}
