/** Which conventions dates and numbers follow: the visitor's own variety of the page's language. */

/** The browser's `en-GB` for a page in `en`; the plain language where the browser prefers another one. */
export function localeFor(language: string, preferred: readonly string[]): string {
  return preferred.find((locale) => locale.split('-')[0] === language) ?? language;
}
