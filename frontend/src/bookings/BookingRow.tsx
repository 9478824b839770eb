/** One of the visitor's bookings in the list. */
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Booking, Event } from '../api/types';
import { isolated } from '../format/names';
import { knownZone, momentText, showSameClock, visitorZone, zoneText } from '../format/time';
import { useLocale } from '../format/useFormat';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import styles from './BookingRow.module.css';
import { CancelBooking } from './CancelBooking';
import { StateChip } from './StateChip';
import { canCancel, stateOf } from './state';

interface Props {
  booking: Booking;
  event: Event | undefined;
  onCancelled: (cancelled: Booking) => void;
}

export function BookingRow({ booking, event, onCancelled }: Props) {
  const { t } = useTranslation();
  const state = stateOf(booking, event);
  const name = event?.name ?? booking.event_name;
  return (
    <li className={classes(controls.linkedCard, styles.row, state !== 'valid' && styles.past)}>
      <div className={styles.text}>
        {event !== undefined && <Start event={event} />}
        <h3 dir="auto" className={styles.name}>
          <Link
            to={`/b/${booking.id}`}
            className={controls.cardLink}
            aria-label={t('mine.open', { name: isolated(name) })}
          >
            {name}
          </Link>
        </h3>
        <p className={styles.soft} dir="auto">
          {[event?.location?.name, event?.location?.country].filter(Boolean).join(', ')}
        </p>
        <p className={styles.foot}>
          <span>{t('booking.seats', { count: booking.seats })}</span>
          {state !== 'valid' && <StateChip state={state} />}
        </p>
      </div>
      {canCancel(booking, event) && (
        <div className={styles.action}>
          <CancelBooking booking={booking} className={controls.plain} onDone={onCancelled} />
        </div>
      )}
    </li>
  );
}

function Start({ event }: { event: Event }) {
  const locale = useLocale();
  const zone = knownZone(event.location?.time_zone);
  const start = event.start_time;
  const name = showSameClock(start, zone, visitorZone()) ? '' : ` ${zoneText(start, zone, locale)}`;
  return <p className={styles.soft}>{momentText(start, zone, locale) + name}</p>;
}
