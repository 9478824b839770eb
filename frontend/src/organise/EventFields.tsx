/** The fields of an event. */
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Place } from '../api/types';
import { zoneName } from './zoneName';
import { useLocale } from '../format/useFormat';
import { errorAt, type FieldErrors } from './fieldErrors';
import { AreaField, InputField, NumberInputField, SelectField } from './Field';
import styles from './Form.module.css';
import { TimeField } from './TimeField';
import type { EventValues } from './eventValues';

export interface EventFieldsProps {
  values: EventValues;
  errors: FieldErrors;
  places: readonly Place[];
  zone: string;
  /** Who organises an event is said once. */
  isNew: boolean;
  onChange: (changed: Partial<EventValues>) => void;
}

export function EventFields(props: EventFieldsProps) {
  return (
    <>
      <AboutFields {...props} />
      <PlaceFields {...props} />
      <TimeFields {...props} />
      <SeatFields {...props} />
    </>
  );
}

function AboutFields({ values, errors, isNew, onChange }: EventFieldsProps) {
  const { t } = useTranslation();
  const at = (field: string) => errorAt(t, errors, field);
  return (
    <fieldset className={styles.part}>
      <legend className={styles.legend}>{t('form.about')}</legend>
      <InputField
        label={t('form.name')}
        isRequired
        error={at('name')}
        value={values.name}
        onChange={(name) => {
          onChange({ name });
        }}
      />
      <AreaField
        label={t('form.description')}
        error={at('description')}
        value={values.description}
        onChange={(description) => {
          onChange({ description });
        }}
      />
      <InputField
        label={t('form.image')}
        hint={t('form.imageHint')}
        error={at('image_url')}
        value={values.image_url}
        input={{ type: 'url', inputMode: 'url', dir: 'ltr' }}
        onChange={(url) => {
          onChange({ image_url: url });
        }}
      />
      {isNew && (
        <InputField
          label={t('form.organiser')}
          hint={t('form.organiserHint')}
          error={at('organiser')}
          value={values.organiser}
          onChange={(organiser) => {
            onChange({ organiser });
          }}
        />
      )}
    </fieldset>
  );
}

function PlaceFields({ values, errors, places, onChange }: EventFieldsProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  const halls = places.find((place) => place.id === values.location_id)?.halls ?? [];
  return (
    <fieldset className={styles.part}>
      <legend className={styles.legend}>{t('event.where')}</legend>
      <div className={styles.pair}>
        <SelectField
          label={t('form.place')}
          isRequired
          error={errorAt(t, errors, 'location_id') ?? errorAt(t, errors, 'location')}
          value={values.location_id}
          none={t('form.choose')}
          options={places.map((place) => ({ value: place.id, text: placeText(place) }))}
          onChange={(location) => {
            onChange({ location_id: location, hall: '' });
          }}
        />
        <SelectField
          label={t('form.hall')}
          error={errorAt(t, errors, 'hall')}
          value={values.hall}
          none={t('form.noHall')}
          options={halls.map(({ name, capacity }) => ({
            value: name,
            text: t('form.hallSeats', { name, count: capacity, seats: capacity.toLocaleString(locale) }),
          }))}
          onChange={(hall) => {
            onChange({ hall });
          }}
        />
      </div>
      <p className={styles.soft}>
        {/* In a tab of its own: what was typed here stays. */}
        <Link to="/organise/locations/new" target="_blank">
          {t('organise.newPlaceTab')}
        </Link>
      </p>
    </fieldset>
  );
}

function placeText({ name, country }: Place): string {
  return [name, country].filter((part) => part !== '').join(', ');
}

const TIMES = [
  { field: 'start_time', label: 'form.start', hint: undefined, isRequired: true },
  { field: 'end_time', label: 'form.end', hint: undefined, isRequired: true },
  { field: 'sales_start', label: 'form.salesStart', hint: 'form.salesStartHint', isRequired: false },
  { field: 'sales_end', label: 'form.salesEnd', hint: 'form.salesEndHint', isRequired: false },
] as const;

function TimeFields({ values, errors, zone, onChange }: EventFieldsProps) {
  const { t } = useTranslation();
  const locale = useLocale();
  return (
    <fieldset className={styles.part}>
      <legend className={styles.legend}>{t('event.when')}</legend>
      <p className={styles.soft}>{t('form.zone', { zone: zoneName(zone, locale) })}</p>
      <div className={styles.times}>
        {TIMES.map(({ field, label, hint, isRequired }) => (
          <TimeField
            key={field}
            label={t(label)}
            hint={hint === undefined ? undefined : t(hint)}
            error={errorAt(t, errors, field)}
            isRequired={isRequired}
            value={values[field]}
            zone={zone}
            onChange={(value) => {
              onChange({ [field]: value });
            }}
          />
        ))}
      </div>
    </fieldset>
  );
}

const NUMBERS = [
  { field: 'capacity', label: 'form.capacity', hint: 'form.capacityHint' },
  { field: 'max_seats_per_booking', label: 'form.perBooking', hint: 'form.noLimit' },
  { field: 'max_seats_per_user', label: 'form.perUser', hint: 'form.noLimit' },
] as const;

function SeatFields({ values, errors, onChange }: EventFieldsProps) {
  const { t } = useTranslation();
  return (
    <fieldset className={styles.part}>
      <legend className={styles.legend}>{t('book.seats')}</legend>
      <div className={styles.pair}>
        {NUMBERS.map(({ field, label, hint }) => (
          <NumberInputField
            key={field}
            label={t(label)}
            hint={t(hint)}
            error={errorAt(t, errors, field)}
            value={values[field]}
            onChange={(value) => {
              onChange({ [field]: value });
            }}
          />
        ))}
      </div>
    </fieldset>
  );
}
