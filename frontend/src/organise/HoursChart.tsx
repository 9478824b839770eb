/** Seats sold hour by hour. */
import { useTranslation } from 'react-i18next';
import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';
import { clockRange, clockText, visitorZone } from '../format/time';
import { useLocale } from '../format/useFormat';
import { AXIS } from './axis';
import { ChartTip } from './ChartTip';
import type { Hour } from './series';

const HOUR_MS = 3_600_000;

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
        <YAxis
          {...AXIS}
          width={52}
          allowDecimals={false}
          tickFormatter={(seats: number) => seats.toLocaleString(locale)}
        />
        <Tooltip
          isAnimationActive={false}
          content={({ active, label, payload }) =>
            // Asked for also while nobody points at anything.
            active && typeof label === 'number' ? (
              <ChartTip
                title={clockRange(iso(label), iso(label + HOUR_MS), visitorZone(), locale)}
                text={t('organise.soldCount', { count: Number(payload[0]?.value ?? 0) })}
              />
            ) : null
          }
        />
        <Bar dataKey="seats" radius={[3, 3, 0, 0]} isAnimationActive={false} />
      </BarChart>
    </ResponsiveContainer>
  );
}
