/** The card beside an event: how many seats are left and the form, or in words why it cannot be booked. */
import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Availability, Event } from '../api/types';
import { dayText, knownZone, visitorMoment } from '../format/time';
import { useLocale } from '../format/useFormat';
import { availabilityQuery, useLiveAvailability } from '../live/useLiveAvailability';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import styles from './BookingCard.module.css';
import { BookingForm, Refusal } from './BookingForm';
import { CalmStatus } from './CalmStatus';
import { eventQuery } from './queries';
import { isOlderThan, salesOf, seatsInAll, seatsLeft, type Sales } from './sales';
import { SeatsMeter } from './SeatsMeter';
import { useAtTime } from './useAtTime';
import { useBooking } from './useBooking';

export function BookingCard({ event }: { event: Event }) {
  const { t } = useTranslation();
  const heading = useId();
  const live = useLiveAvailability(event.id);
  useKeptUpToDate(event, live);
  const sales = salesOf(event, live);
  const left = seatsLeft(event, live) ?? 0;
  const booking = useBooking(event.id);
  // What the booking under way has taken is no reason to take its form away.
  const isOnSale = sales === 'on_sale' || booking.isSaving;
  const { title, onFormGone } = useFocusKept(isOnSale);
  return (
    <section className={classes(controls.card, styles.card)} aria-labelledby={heading}>
      <CalmStatus text={isOnSale ? t('sales.left', { count: left }) : t(`book.${sales}.title`)} />
      <h2 ref={title} tabIndex={-1} id={heading} className={styles.heading}>
        {isOnSale ? t('book.title') : t(`book.${sales}.title`)}
      </h2>
      {isOnSale ? (
        <>
          <SeatsMeter left={left} total={seatsInAll(event, live)} />
          <BookingForm event={event} live={live} booking={booking} onGone={onFormGone} />
        </>
      ) : (
        <>
          <Refusal error={booking.error} />
          <NotOnSale event={event} sales={sales} />
        </>
      )}
    </section>
  );
}

function NotOnSale({ event, sales }: { event: Event; sales: Exclude<Sales, 'on_sale'> }) {
  const { t } = useTranslation();
  const locale = useLocale();
  if (sales === 'not_started') {
    const time = visitorMoment(event.sales_start ?? event.start_time, event.location?.time_zone, locale);
    return <p className={styles.why}>{t('book.not_started.text', { time })}</p>;
  }
  if (sales === 'over') {
    const time = dayText(event.start_time, knownZone(event.location?.time_zone), locale);
    return <p className={styles.why}>{t('book.over.text', { time })}</p>;
  }
  return <p className={styles.why}>{t(`book.${sales}.text`)}</p>;
}

/** Whoever was in the form when it went finds what stands there now. */
function useFocusKept(isOnSale: boolean) {
  const title = useRef<HTMLHeadingElement>(null);
  const hadFocus = useRef(false);
  useEffect(() => {
    if (!isOnSale && hadFocus.current) {
      title.current?.focus({ preventScroll: true });
    }
    hadFocus.current = false;
  }, [isOnSale]);
  const onFormGone = useCallback((had: boolean) => {
    hadFocus.current = had;
  }, []);
  return { title, onFormGone };
}

const CATCH_UP_MS = 2_000;

/** What has been read of the event is read anew while the seats tell of something else, and when it is time. */
function useKeptUpToDate(event: Event, live: Availability | undefined): void {
  const client = useQueryClient();
  const { id } = event;
  // What sales should have ceased to be by now, by the visitor's clock; the server's may be behind.
  const [due, setDue] = useState<Sales>();
  const isBehind = isOlderThan(event, live) || salesOf(event, live) === due;
  useEffect(() => {
    if (!isBehind) {
      return undefined;
    }
    const read = () => {
      void client.invalidateQueries(eventQuery(id));
      void client.invalidateQueries(availabilityQuery(id));
    };
    read();
    const timer = window.setInterval(read, CATCH_UP_MS);
    return () => {
      window.clearInterval(timer);
    };
  }, [client, id, isBehind]);
  useAtTime(event.sales_start ?? undefined, () => {
    setDue('not_started');
  });
  useAtTime(event.sales_end, () => {
    setDue('on_sale');
  });
}
