import { describe, expect, test } from 'vitest';
import { ApiError, errorOf, isPassing, waitBeforeRetry } from './problem';

function reply(status: number, headers: Record<string, string> = {}): Response {
  return new Response('', { status, headers: { 'content-type': 'application/problem+json', ...headers } });
}

function problem(name: string, members: object = {}): object {
  return { type: `https://myevents.example/problems/${name}`, title: '', status: 409, ...members };
}

test('a refusal is known by the end of its type, with its members', () => {
  const error = errorOf(reply(409), problem('not-enough-seats', { seats_left: 3 }));
  expect(error.kind).toBe('not-enough-seats');
  expect(error.members.seats_left).toBe(3);
});

test('what is no problem of ours is unknown', () => {
  expect(errorOf(reply(400), undefined).kind).toBe('unknown');
  expect(errorOf(reply(409), problem('of-the-future')).kind).toBe('unknown');
});

test('a reply of something in between means that the platform is away', () => {
  expect(errorOf(reply(502, { 'content-type': 'text/html' }), '').kind).toBe('away');
});

describe('retries', () => {
  test('only what passes is tried again', () => {
    expect(isPassing(new ApiError('unavailable'))).toBe(true);
    expect(isPassing(new ApiError('away'))).toBe(true);
    expect(isPassing(new ApiError('sold-out'))).toBe(false);
    expect(isPassing(new Error('unavailable'))).toBe(false);
  });

  test('they wait as long as asked, or longer each time, within bounds', () => {
    const busy = errorOf(reply(503, { 'retry-after': '2' }), problem('unavailable'));
    expect(waitBeforeRetry(0, busy)).toBe(2000);
    expect(waitBeforeRetry(0, new ApiError('away'))).toBe(500);
    expect(waitBeforeRetry(1, new ApiError('away'))).toBe(1000);
    expect(waitBeforeRetry(9, new ApiError('away'))).toBe(10_000);
    expect(waitBeforeRetry(0, errorOf(reply(503, { 'retry-after': '600' }), undefined))).toBe(10_000);
  });
});
