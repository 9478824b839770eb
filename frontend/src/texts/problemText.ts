/** A refusal or failure as a sentence for the visitor. */
import type { TFunction } from 'i18next';
import { ApiError } from '../api/problem';

export function problemText(t: TFunction, error: unknown): string {
  if (!(error instanceof ApiError)) {
    return t('problem.unknown');
  }
  const { kind, members } = error;
  if (kind === 'not-enough-seats' && members.seats_left !== undefined) {
    return t('problem.not-enough-seats', { count: members.seats_left });
  }
  if (kind === 'over-booking-limit' && members.max_seats_per_booking !== undefined) {
    return t('problem.over-booking-limit', { count: members.max_seats_per_booking });
  }
  if (kind === 'over-user-limit' && members.max_seats_per_user !== undefined) {
    const had = members.seats_of_user ?? 0;
    return t('problem.over-user-limit', { count: members.max_seats_per_user, had });
  }
  return t(`problem.${kind}`);
}
