/**
 * Tests of the page in a browser, against a platform that runs already, of which MYEVENTS_PAGE names the address, or
 * against one of their own. MYEVENTS_CHROMIUM is the browser's program where it is not Playwright's own.
 */
import { defineConfig } from '@playwright/test';

const chromium = process.env['MYEVENTS_CHROMIUM'];

export default defineConfig({
  testDir: 'e2e',
  globalSetup: './e2e/startPlatform.ts',
  timeout: 30_000,
  expect: { timeout: 10_000 },
  reporter: 'list',
  use: {
    baseURL: process.env['MYEVENTS_PAGE'] ?? 'http://127.0.0.1:8181',
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    launchOptions: chromium === undefined ? {} : { executablePath: chromium },
  },
});
