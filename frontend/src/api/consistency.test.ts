import { expect, test } from 'vitest';
import { rememberWrite, tokenToSend } from './consistency';

test('the last write of each stream is sent, the latest eight streams of the last minute', () => {
  expect(tokenToSend(0)).toBeUndefined();
  rememberWrite('inventory/a@2', 0);
  rememberWrite('inventory/b@5', 0);
  rememberWrite('inventory/a@3', 10);
  expect(tokenToSend(20)).toBe('inventory/b@5,inventory/a@3');
  for (let stream = 0; stream < 9; stream += 1) {
    rememberWrite(`inventory/${stream}@1`, 30);
  }
  expect(tokenToSend(40)?.split(',')).toHaveLength(8);
  expect(tokenToSend(60_031)).toBeUndefined();
});
