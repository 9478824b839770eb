/** The state of an event's sales in a word or two. */
import { useTranslation } from 'react-i18next';
import type { Sales } from '../events/sales';
import controls from '../style/controls.module.css';

export function SalesChip({ sales }: { sales: Sales }) {
  const { t } = useTranslation();
  const look =
    sales === 'cancelled' ? controls.chipDanger : sales === 'on_sale' ? controls.chipAccent : controls.chip;
  return <span className={look}>{sales === 'on_sale' ? t('organise.onSale') : t(`sales.${sales}`)}</span>;
}
