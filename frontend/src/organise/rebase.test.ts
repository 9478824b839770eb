import { expect, test } from 'vitest';
import { differences, rebased } from './rebase';

const BEFORE = { name: 'Opera', seats: '100', halls: [{ name: 'Main' }] };

test('what somebody else has changed is taken over, but not over our own changes', () => {
  const ours = { ...BEFORE, name: 'Ours' };
  const theirs = { name: 'Theirs', seats: '50', halls: [{ name: 'Main' }, { name: 'Small' }] };
  expect(rebased(BEFORE, ours, theirs)).toEqual({ ...theirs, name: 'Ours' });
  expect(differences(BEFORE, theirs)).toEqual(['name', 'seats', 'halls']);
});

test('what looks the same is the same', () => {
  expect(differences(BEFORE, { ...BEFORE, halls: [{ name: 'Main' }] })).toEqual([]);
});
