/** One event in a list; all of it leads to the event's page. */
import { memo } from 'react';
import { Link } from 'react-router';
import type { Availability, Event } from '../api/types';
import { clockText, knownZone, showSameClock, visitorZone, zoneText } from '../format/time';
import { useLocale } from '../format/useFormat';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import styles from './EventRow.module.css';
import { imageOf } from './sales';
import { FROM_LIST } from './BackToList';
import { SeatsBadge } from './SeatsBadge';

interface Props {
  event: Event;
  live: Availability | undefined;
}

/** Drawn anew only when its own seats have changed. */
export const EventRow = memo(function EventRow({ event, live }: Props) {
  const image = imageOf(event);
  return (
    <li className={classes(controls.linkedCard, styles.row)}>
      <div className={styles.text}>
        <StartTime event={event} />
        <h3 className={styles.name} dir="auto">
          <Link to={`/e/${event.id}`} state={FROM_LIST} className={controls.cardLink}>
            {event.name}
          </Link>
        </h3>
        <p className={styles.place} dir="auto">
          {placeLine(event)}
        </p>
        <SeatsBadge event={event} live={live} />
      </div>
      {image !== undefined && (
        <img
          src={image}
          alt=""
          width="112"
          height="112"
          loading="lazy"
          referrerPolicy="no-referrer"
          className={styles.image}
        />
      )}
    </li>
  );
});

/** By the clock of the place, whose zone is only worth naming where the visitor's clock shows something else. */
function StartTime({ event }: { event: Event }) {
  const locale = useLocale();
  const zone = knownZone(event.location?.time_zone);
  const start = event.start_time;
  const isOther = !showSameClock(start, zone, visitorZone());
  return (
    <p className={styles.time}>
      {clockText(start, zone, locale)}
      {isOther && ` ${zoneText(start, zone, locale)}`}
    </p>
  );
}

function placeLine({ location }: Event): string {
  // A space that keeps the line's height where the place is not known yet.
  return [location?.name, location?.country].filter(Boolean).join(', ') || '\u00a0';
}
