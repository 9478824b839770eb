/** What somebody else has changed while one was at it: the new values. */
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import type { Event, Place } from '../api/types';
import { knownZone, momentText } from '../format/time';
import { useLocale } from '../format/useFormat';
import controls from '../style/controls.module.css';
import type { EventField } from './eventValues';

interface Props {
  fields: readonly EventField[];
  event: Event;
  places: readonly Place[];
}

const LABELS = {
  name: 'form.name',
  description: 'form.description',
  location_id: 'form.place',
  hall: 'form.hall',
  capacity: 'form.capacity',
  start_time: 'form.start',
  end_time: 'form.end',
  sales_start: 'form.salesStart',
  sales_end: 'form.salesEnd',
  max_seats_per_booking: 'form.perBooking',
  max_seats_per_user: 'form.perUser',
  image_url: 'form.image',
  organiser: 'form.organiser',
} as const;

export function TheirChanges({ fields, event, places }: Props) {
  const { t } = useTranslation();
  const locale = useLocale();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (fields.length > 0) {
      box.current?.focus();
    }
  }, [fields]);
  if (fields.length === 0) {
    return null;
  }
  return (
    <div ref={box} tabIndex={-1} className={controls.notice}>
      <p>
        <strong>{t('form.theirs')}</strong> {t('form.theirsText')}
      </p>
      <dl>
        {fields.map((field) => (
          <div key={field}>
            <dt>{t(LABELS[field])}</dt>
            <dd dir="auto">
              <strong>{valueText(event, field, places, locale) ?? t('form.nothing')}</strong>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function valueText(
  event: Event,
  field: EventField,
  places: readonly Place[],
  locale: string,
): string | undefined {
  const value = event[field];
  if (typeof value === 'number') {
    return value.toLocaleString(locale);
  }
  if (field === 'location_id') {
    return places.find((place) => place.id === value)?.name ?? event.location?.name;
  }
  if (typeof value === 'string' && (field.endsWith('_time') || field.startsWith('sales_'))) {
    return momentText(value, knownZone(event.location?.time_zone), locale);
  }
  return value ?? undefined;
}
