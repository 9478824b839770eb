/** How the axes of charts look. Recharts states the colour of their texts at each text, so that no style sheet can. */
export const AXIS = {
  tickLine: false,
  axisLine: false,
  tick: { fill: 'var(--ink-soft)', fontSize: 12 },
} as const;
