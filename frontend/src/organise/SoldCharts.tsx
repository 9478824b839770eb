/** The two charts of seats sold, each in its frame; the library that draws them is loaded when one is shown. */
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { ChartFrame } from './ChartFrame';
import chart from './ChartFrame.module.css';
import { HoursTable, SeriesTable } from './ChartTables';
import type { Hour, Point } from './series';

const SoldChart = lazy(() => import('./SoldChart'));
const HoursChart = lazy(() => import('./HoursChart'));

interface OverTimeProps {
  title: string;
  isEmpty: boolean;
  points: Point[];
  now: number;
}

export function SoldOverTime({ title, isEmpty, points, now }: OverTimeProps) {
  return (
    <ChartFrame title={title} isEmpty={isEmpty} table={<SeriesTable points={points} />}>
      <Suspense fallback={<div className={chart.plot} />}>
        <SoldChart points={points} now={now} />
      </Suspense>
    </ChartFrame>
  );
}

export function SoldByHour({ hours }: { hours: Hour[] }) {
  const { t } = useTranslation();
  return (
    <ChartFrame
      title={t('organise.byHour', { count: hours.length })}
      isEmpty={hours.every(({ seats }) => seats === 0)}
      table={<HoursTable hours={hours} />}
    >
      <Suspense fallback={<div className={chart.plot} />}>
        <HoursChart hours={hours} />
      </Suspense>
    </ChartFrame>
  );
}
