/** Seats sold over time, and how many there are where that is known: steps, since between two bookings nothing changes. */
import { useTranslation } from 'react-i18next';
import {
  Area,
  CartesianGrid,
  ComposedChart,
  Line,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts';
import { clockText, momentText, shortDayText, visitorZone } from '../format/time';
import { useLocale } from '../format/useFormat';
import { AXIS, seatsAxis } from './axis';
import { soldTip } from './ChartTip';
import type { Point } from './series';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** In a shorter time several ticks would show the same minute. */
const SHORTEST_MS = 10 * MINUTE_MS;
/** Below that share of the seats a line for all of them would press the curve flat. */
const CAPACITY_FROM = 0.4;

export default function SoldChart({ points, now }: { points: Point[]; now: number }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const last = points.at(-1);
  // The line goes on to where we are.
  const shown = last === undefined || last.time >= now ? points : [...points, { ...last, time: now }];
  const span = (shown.at(-1)?.time ?? 0) - (shown[0]?.time ?? 0);
  const showsCapacity = shown.some(
    ({ sold, capacity }) => capacity !== undefined && sold >= CAPACITY_FROM * capacity,
  );
  const tick = (time: number) =>
    (span > 2 * DAY_MS ? shortDayText : clockText)(new Date(time).toISOString(), visitorZone(), locale);
  return (
    <ResponsiveContainer width="100%" height="100%">
      <ComposedChart
        data={shown}
        accessibilityLayer={false}
        margin={{ top: 8, right: 8, bottom: 0, left: 0 }}
      >
        <CartesianGrid vertical={false} />
        <XAxis
          {...AXIS}
          dataKey="time"
          type="number"
          scale="time"
          domain={['dataMin', 'dataMax']}
          tickFormatter={tick}
          {...(span < SHORTEST_MS && { ticks: [shown[0]?.time ?? 0] })}
          minTickGap={32}
        />
        <YAxis {...seatsAxis(locale)} />
        <Tooltip
          isAnimationActive={false}
          content={soldTip((time) => momentText(new Date(time).toISOString(), visitorZone(), locale), t)}
        />
        <Area dataKey="sold" type="stepAfter" strokeWidth={2} isAnimationActive={false} />
        {showsCapacity && (
          <Line
            dataKey="capacity"
            type="stepAfter"
            strokeDasharray="4 4"
            dot={false}
            activeDot={false}
            isAnimationActive={false}
          />
        )}
      </ComposedChart>
    </ResponsiveContainer>
  );
}
