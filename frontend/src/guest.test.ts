import { expect, test } from 'vitest';
import { guest, isGuestId, knownGuest, randomHex } from './guest';

test('a guest id is 32 lower-case hex digits behind its prefix', () => {
  expect(isGuestId('guest-0123456789abcdef0123456789abcdef')).toBe(true);
  expect(isGuestId('guest-0123456789ABCDEF0123456789abcdef')).toBe(false);
  expect(isGuestId('guest-0123')).toBe(false);
  expect(isGuestId('0123456789abcdef0123456789abcdef')).toBe(false);
});

test('nobody is known before the first booking, and the same guest ever after, even without storage', () => {
  expect(knownGuest()).toBeUndefined();
  const made = guest();
  expect(isGuestId(made)).toBe(true);
  expect(guest()).toBe(made);
  expect(knownGuest()).toBe(made);
});

test('random hex has two digits for each byte and does not repeat', () => {
  expect(randomHex(16)).toMatch(/^[0-9a-f]{32}$/);
  expect(randomHex(16)).not.toBe(randomHex(16));
});
