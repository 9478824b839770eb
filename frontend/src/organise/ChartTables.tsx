/** The charts as tables, newest first. */
import { useTranslation } from 'react-i18next';
import { clockRange, momentText, visitorZone } from '../format/time';
import { useLocale } from '../format/useFormat';
import chart from './ChartFrame.module.css';
import { HOUR_MS, type Hour, type Point } from './series';

export function SeriesTable({ points }: { points: readonly Point[] }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const hasCapacity = points.some(({ capacity }) => capacity !== undefined);
  const heads = [t('organise.time'), t('organise.sold'), t('organise.seatsInAll')];
  const rows = points.map(({ time, sold, capacity }) => [
    momentText(iso(time), visitorZone(), locale),
    sold.toLocaleString(locale),
    capacity?.toLocaleString(locale) ?? '',
  ]);
  const shown = (cells: string[]) => (hasCapacity ? cells : cells.slice(0, 2));
  return <ChartTable heads={shown(heads)} rows={rows.map(shown)} />;
}

export function HoursTable({ hours }: { hours: readonly Hour[] }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const rows = hours.map(({ start, seats }) => [
    clockRange(iso(start), iso(start + HOUR_MS), visitorZone(), locale),
    seats.toLocaleString(locale),
  ]);
  return <ChartTable heads={[t('organise.time'), t('organise.sold')]} rows={rows} />;
}

/** `rows` come as in the chart, oldest first. */
function ChartTable({ heads, rows }: { heads: readonly string[]; rows: readonly string[][] }) {
  return (
    <table className={chart.table}>
      <thead>
        <tr>
          {heads.map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.toReversed().map((cells, index) => (
          <tr key={rows.length - index}>
            {cells.map((cell, column) => (
              <td key={heads[column]}>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
