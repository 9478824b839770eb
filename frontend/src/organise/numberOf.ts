const DIGITS = /^\d+$/;

/**
 * What was typed as a number; nothing where nothing was. What is no plain number breaks every rule, so the API refuses it:
 * a point or a comma means one thing in English and another in German.
 */
export function numberOf(text: string): number | null {
  const typed = text.trim();
  if (typed === '') {
    return null;
  }
  return DIGITS.test(typed) ? Number(typed) : -1;
}
