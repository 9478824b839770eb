import i18next from 'i18next';
import { beforeAll, expect, test } from 'vitest';
import { ApiError } from '../api/problem';
import en from '../texts/en';
import { errorAt, fieldErrorsOf, ruleText } from './fieldErrors';

beforeAll(async () => {
  await i18next.init({
    lng: 'en',
    resources: { en: { translation: en } },
    keySeparator: false,
    nsSeparator: false,
    showSupportNotice: false,
  });
});

test('rules are sentences, with their numbers', () => {
  const say = (rule: string) => ruleText(i18next.getFixedT('en'), rule);
  expect(say('is required')).toBe('Please fill this in.');
  expect(say('must have 1 to 200 characters')).toContain('200 characters');
  expect(say('must be a whole number from 1 to 1000000')).toContain('1 to 1,000,000');
  expect(say('must be of the future')).toBe('must be of the future');
});

test('each error is found at its field', () => {
  const errors = fieldErrorsOf(
    new ApiError('invalid-request', { errors: [{ field: 'halls[0].name', rule: 'is required' }] }),
  );
  expect(errorAt(i18next.getFixedT('en'), errors, 'halls[0].name')).toBe('Please fill this in.');
  expect(errorAt(i18next.getFixedT('en'), errors, 'halls[1].name')).toBeUndefined();
  expect(fieldErrorsOf(new Error('?'))).toEqual([]);
});
