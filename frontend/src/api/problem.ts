/**
 * Refusals and failures as one kind of error.
 *
 * To tell visitors of one more problem, add its short name here and a sentence for it in each file of `texts/`.
 */
import type { FieldError, Problem } from './types';

const TYPE_PREFIX = 'https://myevents.example/problems/';

const KINDS = [
  'sold-out',
  'not-enough-seats',
  'over-booking-limit',
  'over-user-limit',
  'event-cancelled',
  'event-over',
  'sales-ended',
  'sales-not-started',
  'event-started',
  'unavailable',
  'invalid-request',
  'not-found',
  'precondition-failed',
] as const;

/** `away` is no problem of the platform's: there was no reply, or one from something in between. */
export type ProblemKind = (typeof KINDS)[number] | 'away' | 'unknown';

/** What some problems say besides what all say. */
interface Members {
  seats_left?: number;
  seats_of_user?: number;
  max_seats_per_booking?: number;
  max_seats_per_user?: number;
  sales_start?: string;
  current_version?: number;
  errors?: FieldError[];
}

export class ApiError extends Error {
  readonly kind: ProblemKind;
  readonly members: Members;
  readonly retryAfterSeconds: number | undefined;

  constructor(kind: ProblemKind, members: Members = {}, retryAfterSeconds?: number) {
    super(kind);
    this.kind = kind;
    this.members = members;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export function errorOf(response: Response, body: unknown): ApiError {
  return new ApiError(kindOf(response, body), membersOf(body), retryAfterOf(response));
}

/** The same request may succeed in a moment. */
export function isPassing(error: unknown): boolean {
  return error instanceof ApiError && (error.kind === 'unavailable' || error.kind === 'away');
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.kind === 'not-found';
}

/** Something between the page and the platform has answered in its stead. */
export function isFromBetween(response: Response): boolean {
  const type = response.headers.get('content-type') ?? '';
  return response.status >= 500 && !type.includes('json');
}

const MOST_WAIT_MS = 10_000;

/** As long as the platform asks for, otherwise longer each time; never so long that it looks stuck. */
export function waitBeforeRetry(failures: number, error: unknown): number {
  const asked = error instanceof ApiError ? error.retryAfterSeconds : undefined;
  const wait = asked === undefined ? 500 * 2 ** failures : asked * 1000;
  return Math.min(wait, MOST_WAIT_MS);
}

/** For what may be done twice: tries again after what passes, so often. */
export function retriedUpTo(most: number) {
  return {
    retry: (failures: number, error: Error) => failures < most && isPassing(error),
    retryDelay: waitBeforeRetry,
  };
}

/** As often as anybody waits for without being told. */
export const RETRIED = retriedUpTo(3);

function kindOf(response: Response, body: unknown): ProblemKind {
  if (isFromBetween(response)) {
    return 'away';
  }
  const type = isProblem(body) ? body.type : '';
  return KINDS.find((kind) => type === TYPE_PREFIX + kind) ?? 'unknown';
}

function membersOf(body: unknown): Members {
  return isProblem(body) ? body : {};
}

function isProblem(body: unknown): body is Problem & Members {
  return typeof body === 'object' && body !== null && 'type' in body && typeof body.type === 'string';
}

function retryAfterOf(response: Response): number | undefined {
  const seconds = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  return Number.isNaN(seconds) ? undefined : seconds;
}
