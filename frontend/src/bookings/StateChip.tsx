/** What a booking is worth, in a word. */
import { useTranslation } from 'react-i18next';
import controls from '../style/controls.module.css';
import type { BookingState } from './state';

export function StateChip({ state }: { state: BookingState }) {
  const { t } = useTranslation();
  switch (state) {
    case 'valid':
      return <span className={controls.chipAccent}>{t('booking.valid')}</span>;
    case 'over':
      return <span className={controls.chip}>{t('mine.over')}</span>;
    case 'cancelled':
      return <span className={controls.chip}>{t('booking.cancelled')}</span>;
    case 'eventCancelled':
      return <span className={controls.chipDanger}>{t('booking.eventCancelled')}</span>;
  }
}
