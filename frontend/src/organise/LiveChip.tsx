/** Whether what is shown comes by itself. */
import { useTranslation } from 'react-i18next';
import controls from '../style/controls.module.css';

export function LiveChip({ isLive }: { isLive: boolean }) {
  const { t } = useTranslation();
  return (
    <span className={isLive ? controls.chipAccent : controls.chip}>
      {t(isLive ? 'organise.live' : 'organise.notLive')}
    </span>
  );
}
