/** What becomes of a form's values when somebody else has changed the same thing. */

/** The fields that differ. */
export function differences<Values extends object>(one: Values, other: Values): (keyof Values)[] {
  const fields = Object.keys(one) as (keyof Values)[];
  return fields.filter((field) => JSON.stringify(one[field]) !== JSON.stringify(other[field]));
}

/** Ours where we have changed something, theirs everywhere else. */
export function rebased<Values extends object>(before: Values, ours: Values, theirs: Values): Values {
  const mine = differences(before, ours).map((field) => [field, ours[field]]);
  return { ...theirs, ...(Object.fromEntries(mine) as Partial<Values>) };
}
