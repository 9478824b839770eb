/** When and where an event is. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Event } from '../api/types';
import {
  clockRange,
  dayText,
  isoDay,
  isOneDay,
  knownZone,
  momentText,
  showSameClock,
  visitorZone,
  zoneText,
} from '../format/time';
import { useLocale } from '../format/useFormat';
import { Icon, type IconName } from '../layout/Icon';
import styles from './EventFacts.module.css';

export function EventFacts({ event }: { event: Event }) {
  return (
    <dl className={styles.facts}>
      <When event={event} />
      <Where event={event} />
    </dl>
  );
}

/** The clock of the place counts. The visitor's own is added where it shows something else. */
function When({ event }: { event: Event }) {
  const { t } = useTranslation();
  const locale = useLocale();
  const { start_time: start, end_time: end } = event;
  const zone = knownZone(event.location?.time_zone);
  const isOther = !showSameClock(start, zone, visitorZone());
  const name = isOther ? ` ${zoneText(start, zone, locale)}` : '';
  return (
    <Fact icon="calendar" label={t('event.when')}>
      {isOneDay(start, end, zone) ? (
        <>
          <p className={styles.main}>
            <time dateTime={start}>{dayText(start, zone, locale)}</time>
          </p>
          <p>{clockRange(start, end, zone, locale) + name}</p>
        </>
      ) : (
        <>
          <p className={styles.main}>
            <time dateTime={start}>{momentText(start, zone, locale) + name}</time>
          </p>
          <p>{t('event.until', { time: momentText(end, zone, locale) })}</p>
        </>
      )}
      {isOther && <p className={styles.soft}>{t('event.yourTime', { time: visitorTime(event, locale) })}</p>}
    </Fact>
  );
}

function visitorTime({ start_time: start, end_time: end, location }: Event, locale: string): string {
  const zone = visitorZone();
  const isSameDay = isoDay(start, zone) === isoDay(start, knownZone(location?.time_zone));
  return isSameDay && isOneDay(start, end, zone)
    ? clockRange(start, end, zone, locale)
    : momentText(start, zone, locale);
}

function Where({ event: { location, hall } }: { event: Event }) {
  const { t } = useTranslation();
  return (
    <Fact icon="pin" label={t('event.where')}>
      <p className={styles.main} dir="auto">
        {location?.name ?? t('event.placeUnknown')}
      </p>
      {typeof hall === 'string' && hall !== '' && <p dir="auto">{hall}</p>}
      <p className={styles.soft} dir="auto">
        {[location?.address, location?.country].filter(Boolean).join(', ')}
      </p>
    </Fact>
  );
}

function Fact({ icon, label, children }: { icon: IconName; label: string; children: ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt className={styles.icon}>
        <Icon name={icon} />
        <span className="visually-hidden">{label}</span>
      </dt>
      <dd className={styles.text}>{children}</dd>
    </div>
  );
}
