/** Which field of a form breaks which rule, in the words of the API and in sentences. */
import type { TFunction } from 'i18next';
import { ApiError } from '../api/problem';
import type { FieldError } from '../api/types';

export type FieldErrors = readonly FieldError[];

export const NO_ERRORS: FieldErrors = [];

export function fieldErrorsOf(error: unknown): FieldErrors {
  return error instanceof ApiError ? (error.members.errors ?? NO_ERRORS) : NO_ERRORS;
}

/** What stands at the field. `halls` also answers for what is wrong with the list as a whole. */
export function errorAt(t: TFunction, errors: FieldErrors, field: string): string | undefined {
  const error = errors.find((one) => one.field === field);
  return error === undefined ? undefined : ruleText(t, error.rule);
}

const RULES = {
  'is required': 'rule.required',
  'is skipped': 'rule.skipped',
  'must be after start_time': 'rule.afterStart',
  'must not be after end_time': 'rule.notAfterEnd',
  'must be before sales_end (by default start_time)': 'rule.beforeSalesEnd',
  'must be at most 366 days after start_time': 'rule.tooLong',
  'must be an http or https URL': 'rule.url',
  'must be an IANA time zone such as Europe/Berlin': 'rule.zone',
  'must have distinct names': 'rule.distinct',
  "must name one of the location's halls": 'rule.hall',
  'names no known location': 'rule.place',
  'must not contain control characters': 'rule.control',
  'is required where the location has no halls': 'rule.capacity',
} as const;

/** Rules of the future are shown as the API words them: better in English than not at all. */
export function ruleText(t: TFunction, rule: string): string {
  if (isKnown(rule)) {
    return t(RULES[rule]);
  }
  const [, least, most] = /^must have (\d+) to (\d+) characters$/.exec(rule) ?? [];
  if (least !== undefined && most !== undefined) {
    return Number(least) === 1
      ? t('rule.length', { most: Number(most) })
      : t('rule.lengthTo', { least: Number(least), most: Number(most) });
  }
  const [, lowest, highest] = /^must be a whole number from (\d+) to (\d+)$/.exec(rule) ?? [];
  if (lowest !== undefined && highest !== undefined) {
    return t('rule.number', { least: Number(lowest), most: Number(highest) });
  }
  return rule;
}

function isKnown(rule: string): rule is keyof typeof RULES {
  return Object.hasOwn(RULES, rule);
}
