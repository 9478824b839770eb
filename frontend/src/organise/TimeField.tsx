/** A moment, entered by the clock of the place; where that clock shows it twice, one is asked which is meant. */
import { useTranslation } from 'react-i18next';
import { zoneText } from '../format/time';
import { useLocale } from '../format/useFormat';
import type { WallTime } from './eventValues';
import { InputField, SelectField } from './Field';
import { isSkipped, momentsOf } from './zoned';

interface Props {
  label: string;
  hint?: string | undefined;
  error: string | undefined;
  isRequired?: boolean;
  value: WallTime;
  zone: string;
  onChange: (value: WallTime) => void;
}

export function TimeField({ label, hint, error, isRequired = false, value, zone, onChange }: Props) {
  const { t } = useTranslation();
  const skipped = isSkipped(value.wall, zone) ? t('rule.skipped') : undefined;
  return (
    <div>
      <InputField
        label={label}
        hint={hint}
        error={skipped ?? error}
        isRequired={isRequired}
        value={value.wall}
        onChange={(wall) => {
          onChange({ wall: wall.slice(0, 16), isLater: false });
        }}
        input={{ type: 'datetime-local', max: '9999-12-31T23:59' }}
      />
      <WhichOfTwo label={label} value={value} zone={zone} onChange={onChange} />
    </div>
  );
}

type WhichProps = Pick<Props, 'label' | 'value' | 'zone' | 'onChange'>;

function WhichOfTwo({ label, value, zone, onChange }: WhichProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const [first, second] = momentsOf(value.wall, zone);
  if (first === undefined || second === undefined) {
    return null;
  }
  return (
    <SelectField
      label={t('form.which', { label })}
      hint={t('form.whichHint')}
      error={undefined}
      isRequired
      value={value.isLater ? 'later' : ''}
      none={t('form.earlier', { zone: zoneText(first, zone, locale) })}
      options={[{ value: 'later', text: t('form.later', { zone: zoneText(second, zone, locale) }) }]}
      onChange={(which) => {
        onChange({ ...value, isLater: which === 'later' });
      }}
    />
  );
}
