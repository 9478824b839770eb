/** Seats sold hour by hour. */
import { useTranslation } from 'react-i18next';
import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { clockRange, clockText, visitorZone } from '../format/time';
import { useLocale } from '../format/useFormat';
import { AXIS, seatsAxis } from './axis';
import { soldTip } from './ChartTip';
import { HOUR_MS, type Hour } from './series';

export default function HoursChart({ hours }: { hours: Hour[] }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const iso = (time: number) => new Date(time).toISOString();
  return (
    <ResponsiveContainer width="100%" height="100%">
      <BarChart data={hours} accessibilityLayer={false} margin={{ top: 8, right: 8, bottom: 0, left: 0 }}>
        <CartesianGrid vertical={false} />
        <XAxis
          {...AXIS}
          dataKey="start"
          tickFormatter={(start: number) => clockText(iso(start), visitorZone(), locale)}
          minTickGap={24}
        />
        <YAxis {...seatsAxis(locale)} />
        <Tooltip
          isAnimationActive={false}
          content={soldTip((time) => clockRange(iso(time), iso(time + HOUR_MS), visitorZone(), locale), t)}
        />
        <Bar dataKey="seats" radius={[3, 3, 0, 0]} isAnimationActive={false} />
      </BarChart>
    </ResponsiveContainer>
  );
}
