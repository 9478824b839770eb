/** What was typed as a number; nothing where nothing was. What is no number breaks every rule, so the API refuses it. */
export function numberOf(text: string): number | null {
  if (text.trim() === '') {
    return null;
  }
  const number = Number(text);
  // JSON has no NaN: it would become null, which clears the field.
  return Number.isFinite(number) ? number : -1;
}
