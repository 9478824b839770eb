import i18next from 'i18next';
import { beforeAll, describe, expect, test } from 'vitest';
import { ApiError } from '../api/problem';
import de from './de';
import en from './en';
import { problemText } from './problemText';
import { chooseLanguage } from './setup';

beforeAll(async () => {
  await i18next.init({
    lng: 'en',
    resources: { en: { translation: en }, de: { translation: de } },
    keySeparator: false,
    nsSeparator: false,
    showSupportNotice: false,
    interpolation: { escapeValue: false },
  });
});

test('plurals and numbers are those of the language', () => {
  const english = i18next.getFixedT('en');
  const german = i18next.getFixedT('de');
  expect(english('sales.left', { count: 1 })).toBe('1 seat left');
  expect(english('sales.left', { count: 1200 })).toBe('1,200 seats left');
  expect(german('sales.left', { count: 1 })).toBe('Noch 1 Platz');
  expect(german('sales.left', { count: 1200 })).toBe('Noch 1.200 Plätze');
});

test('each text names the same values in every language', () => {
  const values = (text: string) => (text.match(/{{\w+/g) ?? []).sort();
  for (const [key, text] of Object.entries(en)) {
    expect(values(de[key as keyof typeof de]), key).toEqual(values(text));
  }
});

test('the choice counts before the browser, and English is for all others', () => {
  expect(chooseLanguage(undefined, ['de-AT', 'en'])).toBe('de');
  expect(chooseLanguage('en', ['de-AT'])).toBe('en');
  expect(chooseLanguage('xx', ['fr', 'de'])).toBe('de');
  expect(chooseLanguage(undefined, ['fr'])).toBe('en');
});

describe('problems as sentences', () => {
  const say = (error: unknown) => problemText(i18next.getFixedT('en'), error);

  test('with the numbers that they bring', () => {
    expect(say(new ApiError('not-enough-seats', { seats_left: 1 }))).toBe(
      'Only 1 seat is left. You can book it now.',
    );
    expect(say(new ApiError('over-booking-limit', { max_seats_per_booking: 6 }))).toContain(
      'at most 6 seats',
    );
    expect(say(new ApiError('over-user-limit', { max_seats_per_user: 4, seats_of_user: 3 }))).toContain(
      'you already have 3',
    );
  });

  test('also without them, and for whatever was not foreseen', () => {
    expect(say(new ApiError('not-enough-seats'))).toBe('Fewer seats are left than you asked for.');
    expect(say(new ApiError('sold-out'))).toContain('no seats are left');
    expect(say(new Error('?'))).toContain('did not work');
  });
});
