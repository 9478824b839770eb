/** The fields of a location. */
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { errorAt, type FieldErrors } from './fieldErrors';
import { InputField, NumberInputField } from './Field';
import styles from './Form.module.css';
import { HallRows } from './HallRows';
import type { PlaceValues } from './placeValues';

export interface PlaceFieldsProps {
  values: PlaceValues;
  errors: FieldErrors;
  onChange: (changed: Partial<PlaceValues>) => void;
}

const TEXTS = [
  { field: 'name', label: 'form.name', isRequired: true },
  { field: 'address', label: 'form.address', isRequired: false },
  { field: 'country', label: 'form.country', isRequired: false },
] as const;

const HOURS = [
  { field: 'open_time', label: 'form.opens' },
  { field: 'close_time', label: 'form.closes' },
] as const;

export function PlaceFields({ values, errors, onChange }: PlaceFieldsProps) {
  const { t } = useTranslation();
  return (
    <>
      <div className={styles.part}>
        {TEXTS.map(({ field, label, isRequired }) => (
          <InputField
            key={field}
            label={t(label)}
            isRequired={isRequired}
            error={errorAt(t, errors, field)}
            value={values[field]}
            onChange={(value) => {
              onChange({ [field]: value });
            }}
          />
        ))}
        <ZoneField values={values} errors={errors} onChange={onChange} />
        <div className={styles.pair}>
          {HOURS.map(({ field, label }) => (
            <NumberInputField
              key={field}
              label={t(label)}
              hint={t('form.hourHint')}
              error={errorAt(t, errors, field)}
              value={values[field]}
              onChange={(value) => {
                onChange({ [field]: value });
              }}
            />
          ))}
        </div>
      </div>
      <HallRows values={values} errors={errors} onChange={onChange} />
    </>
  );
}

function ZoneField({ values, errors, onChange }: PlaceFieldsProps) {
  const { t } = useTranslation();
  const list = useId();
  return (
    <>
      <InputField
        label={t('form.timeZone')}
        hint={t('form.timeZoneHint')}
        isRequired
        error={errorAt(t, errors, 'time_zone')}
        value={values.time_zone}
        input={{ list, dir: 'ltr', spellCheck: false }}
        onChange={(zone) => {
          onChange({ time_zone: zone });
        }}
      />
      <datalist id={list}>
        {Intl.supportedValuesOf('timeZone').map((zone) => (
          <option key={zone} value={zone} />
        ))}
      </datalist>
    </>
  );
}
