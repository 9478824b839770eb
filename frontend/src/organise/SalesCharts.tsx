/** How sales of all events go: as they add up over a week, and hour by hour over a day. */
import type { UseQueryResult } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { LoadFailed } from '../layout/LoadFailed';
import { CardSkeletons } from './CardSkeletons';
import page from './Page.module.css';
import { addedUp, type Hour } from './series';
import { SoldByHour, SoldOverTime } from './SoldCharts';

const HOURS_SHOWN = 24;
const HOURS_OF_DAY = 24;

export function SalesCharts({ sales }: { sales: UseQueryResult<Hour[]> }) {
  const { t } = useTranslation();
  const { data: hours, error, dataUpdatedAt: now, refetch } = sales;
  if (hours === undefined) {
    return error === null ? (
      <CardSkeletons />
    ) : (
      <LoadFailed
        isPage={false}
        title={t('organise.historyFailed')}
        error={error}
        retry={() => void refetch()}
      />
    );
  }
  const days = Math.ceil(hours.length / HOURS_OF_DAY);
  return (
    <div className={page.section}>
      <SoldOverTime
        title={t('organise.overDays', { count: days })}
        isEmpty={hours.every(({ seats }) => seats === 0)}
        points={addedUp(hours, now)}
        now={now}
      />
      <SoldByHour hours={hours.slice(-HOURS_SHOWN)} />
    </div>
  );
}
