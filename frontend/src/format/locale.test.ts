import { expect, test } from 'vitest';
import { localeFor } from './locale';

test("dates follow the visitor's variety of the page's language", () => {
  expect(localeFor('en', ['de-AT', 'en-GB'])).toBe('en-GB');
  expect(localeFor('de', ['de-AT', 'en-GB'])).toBe('de-AT');
  expect(localeFor('en', ['de-AT'])).toBe('en');
});
