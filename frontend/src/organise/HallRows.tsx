/** The halls of a location: each can be renamed and removed, and more added, by keyboard as well. */
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import { errorAt } from './fieldErrors';
import { InputField, NumberInputField } from './Field';
import { PartErrors } from './Form';
import styles from './Form.module.css';
import type { PlaceFieldsProps } from './PlaceFields';
import { newHall, type HallValues } from './placeValues';

export function HallRows({ values, errors, onChange }: PlaceFieldsProps) {
  const { t } = useTranslation();
  const { halls } = values;
  const { rows, focusAfter } = useRowFocus(halls.length);
  const put = (index: number, changed: Partial<HallValues>) => {
    onChange({ halls: halls.map((hall, at) => (at === index ? { ...hall, ...changed } : hall)) });
  };
  return (
    <fieldset ref={rows} className={styles.part}>
      <legend className={styles.legend}>{t('form.halls')}</legend>
      <PartErrors errors={errors} field="halls" />
      {halls.map((hall, index) => (
        <HallRow
          key={hall.key}
          hall={hall}
          number={index + 1}
          at={(field) => errorAt(t, errors, `halls[${String(index)}].${field}`)}
          onChange={(changed) => {
            put(index, changed);
          }}
          onRemove={() => {
            focusAfter(Math.min(index, halls.length - 2));
            onChange({ halls: halls.filter((_, at) => at !== index) });
          }}
        />
      ))}
      <button
        type="button"
        data-add-hall
        className={classes(controls.quiet, styles.add)}
        onClick={() => {
          focusAfter(halls.length);
          onChange({ halls: [...halls, newHall(halls)] });
        }}
      >
        {t('form.addHall')}
      </button>
    </fieldset>
  );
}

interface RowProps {
  hall: HallValues;
  number: number;
  at: (field: string) => string | undefined;
  onChange: (changed: Partial<HallValues>) => void;
  onRemove: () => void;
}

function HallRow({ hall, number, at, onChange, onRemove }: RowProps) {
  const { t } = useTranslation();
  return (
    <div
      role="group"
      aria-label={t('form.hallNumber', { number })}
      className={classes(controls.card, styles.hall)}
    >
      <InputField
        label={t('form.hallName')}
        isRequired
        className={styles.hallName}
        error={at('name')}
        value={hall.name}
        onChange={(name) => {
          onChange({ name });
        }}
      />
      <NumberInputField
        label={t('form.hallCapacity')}
        isRequired
        className={styles.hallCapacity}
        error={at('capacity')}
        value={hall.capacity}
        onChange={(capacity) => {
          onChange({ capacity });
        }}
      />
      <InputField
        label={t('form.hallLocation')}
        className={styles.where}
        error={at('location')}
        value={hall.location}
        onChange={(location) => {
          onChange({ location });
        }}
      />
      <button
        type="button"
        className={classes(controls.quiet, styles.remove)}
        aria-label={t('form.removeHall', { number })}
        onClick={onRemove}
      >
        {t('form.remove')}
      </button>
    </div>
  );
}

/** A row that was added takes the focus; after one was removed its neighbour does, else the button that adds one. */
function useRowFocus(count: number) {
  const rows = useRef<HTMLFieldSetElement>(null);
  const wanted = useRef<number>(undefined);
  useEffect(() => {
    if (wanted.current === undefined) {
      return;
    }
    const row = rows.current?.querySelectorAll<HTMLElement>('[role="group"]')[wanted.current];
    const add = rows.current?.querySelector<HTMLElement>('[data-add-hall]');
    (row?.querySelector<HTMLElement>('input') ?? add)?.focus();
    wanted.current = undefined;
  }, [count]);
  const focusAfter = (row: number) => {
    wanted.current = row;
  };
  return { rows, focusAfter };
}
