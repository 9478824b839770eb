/** How the page is built, tested and, while it is worked on, served beside a platform that answers its API calls. */
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const platform = process.env['MYEVENTS_API'] ?? 'http://127.0.0.1:8181';
const proxy = { '^/(events|bookings|users|locations|health|stream|sales)(/|\\?|$)': platform };

/** What the platform serves the page with, so that a preview breaks where the platform would. */
const contentSecurityPolicy = [
  "default-src 'self'",
  "img-src 'self' https: data:",
  "style-src 'self'",
  "script-src 'self'",
  "connect-src 'self'",
].join('; ');

/** Before the script has run there is nothing to show but perhaps the wrong theme: browsers wait for it. */
function scriptBeforePaint(): Plugin {
  return {
    name: 'script-before-paint',
    transformIndexHtml: {
      order: 'post',
      handler: (html) => html.replace('<script type="module"', '<script type="module" blocking="render"'),
    },
  };
}

export default defineConfig({
  plugins: [react(), scriptBeforePaint()],
  // Small files would become data: URIs otherwise.
  build: { assetsInlineLimit: 0 },
  server: { proxy },
  preview: { proxy, headers: { 'Content-Security-Policy': contentSecurityPolicy } },
  test: { include: ['src/**/*.test.ts'] },
});
