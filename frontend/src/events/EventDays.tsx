/** A list of events by day, each day as it is at the place of the event. */
import { useId } from 'react';
import type { Event } from '../api/types';
import { isoDay, knownZone, shortDayText } from '../format/time';
import { useLocale } from '../format/useFormat';
import { Bone } from '../layout/Skeleton';
import type { LiveSeats } from '../live/useLiveSeats';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import styles from './EventDays.module.css';
import { EventRow } from './EventRow';

interface Day {
  first: Event;
  events: Event[];
}

export function EventDays({ events, seats }: { events: Event[]; seats: LiveSeats }) {
  return daysOf(events).map((day) => <DaySection key={day.first.id} day={day} seats={seats} />);
}

function DaySection({ day, seats }: { day: Day; seats: LiveSeats }) {
  const heading = useId();
  const locale = useLocale();
  const { start_time: start, location } = day.first;
  return (
    <section className={styles.day} aria-labelledby={heading}>
      <h2 id={heading} className={styles.heading}>
        <time dateTime={start}>{shortDayText(start, knownZone(location?.time_zone), locale)}</time>
      </h2>
      <ul className={styles.events}>
        {day.events.map((event) => (
          <EventRow key={event.id} event={event} live={seats.get(event.id)} />
        ))}
      </ul>
    </section>
  );
}

export function DaySkeleton({ rows }: { rows: number }) {
  return (
    <div className={styles.day}>
      <div className={styles.heading}>
        <Bone shape="shortLine" />
      </div>
      <div className={styles.events}>
        {Array.from({ length: rows }, (_, row) => (
          <div key={row} className={classes(controls.card, styles.rowSkeleton)}>
            <Bone shape="shortLine" />
            <Bone shape="line" />
            <Bone shape="shortLine" />
          </div>
        ))}
      </div>
    </div>
  );
}

/** Events come in the order of their times: only neighbours can share a day. */
function daysOf(events: Event[]): Day[] {
  const days: Day[] = [];
  for (const event of events) {
    const last = days.at(-1);
    if (last !== undefined && dayOf(last.first) === dayOf(event)) {
      last.events.push(event);
    } else {
      days.push({ first: event, events: [event] });
    }
  }
  return days;
}

function dayOf(event: Event): string {
  return isoDay(event.start_time, knownZone(event.location?.time_zone));
}
