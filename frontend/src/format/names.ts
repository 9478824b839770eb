/** Names that others have made up, for use inside our sentences. */

/** A right-to-left name must not turn the sentence around it: Unicode's isolates keep it to itself. */
export function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}
