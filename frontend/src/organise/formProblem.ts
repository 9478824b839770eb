/** What a form says of a request that was refused. */
import type { TFunction } from 'i18next';
import { problemText } from '../texts/problemText';
import { fieldErrorsOf, type FieldErrors } from './fieldErrors';

/** Our own findings come first: nothing was sent then. */
export function formErrors(mistakes: FieldErrors, error: unknown): FieldErrors {
  return mistakes.length > 0 ? mistakes : fieldErrorsOf(error);
}

/** Nothing where the fields say what is wrong. */
export function formProblem(t: TFunction, error: unknown): string | undefined {
  return error === null || fieldErrorsOf(error).length > 0 ? undefined : problemText(t, error);
}
