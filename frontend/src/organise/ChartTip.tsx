/** What a chart of sold seats says where one points at. */
import type { TFunction } from 'i18next';
import type { ReactNode } from 'react';
import type { TooltipContentProps } from 'recharts';
import chart from './ChartFrame.module.css';

/** `titleOf` names a place on the axis of times. */
export function soldTip(titleOf: (time: number) => string, t: TFunction) {
  return function ChartTip({ active, label, payload }: TooltipContentProps): ReactNode {
    // Asked for also while nobody points at anything.
    if (!active || typeof label !== 'number') {
      return null;
    }
    return (
      <div className={chart.tip}>
        <p>{titleOf(label)}</p>
        <p>
          <strong>{t('organise.soldCount', { count: Number(payload[0]?.value ?? 0) })}</strong>
        </p>
      </div>
    );
  };
}
