/** The charts as tables, newest first. */
import { useTranslation } from 'react-i18next';
import { clockRange, momentText, visitorZone } from '../format/time';
import { useLocale } from '../format/useFormat';
import chart from './ChartFrame.module.css';
import { HOUR_MS, type Hour, type Point } from './series';

export function SeriesTable({ points }: { points: readonly Point[] }) {
  const { t } = useTranslation();
  const locale = useLocale();
  return (
    <table className={chart.table}>
      <thead>
        <tr>
          <th scope="col">{t('organise.time')}</th>
          <th scope="col">{t('organise.sold')}</th>
          <th scope="col">{t('organise.seatsInAll')}</th>
        </tr>
      </thead>
      <tbody>
        {points.toReversed().map((point, index) => (
          <tr key={points.length - index}>
            <td>{momentText(iso(point.time), visitorZone(), locale)}</td>
            <td>{point.sold.toLocaleString(locale)}</td>
            <td>{point.capacity.toLocaleString(locale)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function HoursTable({ hours }: { hours: readonly Hour[] }) {
  const { t } = useTranslation();
  const locale = useLocale();
  return (
    <table className={chart.table}>
      <thead>
        <tr>
          <th scope="col">{t('organise.time')}</th>
          <th scope="col">{t('organise.sold')}</th>
        </tr>
      </thead>
      <tbody>
        {hours.toReversed().map(({ start, seats }) => (
          <tr key={start}>
            <td>{clockRange(iso(start), iso(start + HOUR_MS), visitorZone(), locale)}</td>
            <td>{seats.toLocaleString(locale)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
