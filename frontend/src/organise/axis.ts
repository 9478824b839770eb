/** How the axes of charts look. Recharts states the colour of their texts at each text, so that no style sheet can. */
export const AXIS = {
  tickLine: false,
  axisLine: false,
  tick: { fill: 'var(--ink-soft)', fontSize: 12 },
} as const;

/** The axis of seats. */
export function seatsAxis(locale: string) {
  return {
    ...AXIS,
    width: 52,
    allowDecimals: false,
    tickFormatter: (seats: number) => seats.toLocaleString(locale),
  } as const;
}
