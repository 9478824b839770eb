/** The page at `/e/{id}`: one event, and the form that books seats of it. */
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { isNotFound } from '../api/problem';
import type { Event } from '../api/types';
import { LoadFailed } from '../layout/LoadFailed';
import { Message } from '../layout/Message';
import { PageTitle } from '../layout/PageTitle';
import { BackToList } from './BackToList';
import { BookingCard } from './BookingCard';
import { EventFacts } from './EventFacts';
import styles from './EventPage.module.css';
import { EventSkeleton } from './EventSkeleton';
import { eventQuery } from './queries';
import { imageOf } from './sales';

/** From so many characters on a name would fill the screen in the size of a heading. */
const LONG_NAME = 80;

export default function EventPage() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const { data: event, error, refetch } = useQuery(eventQuery(id));
  if (event !== undefined) {
    // A key, so that nothing of one event, like seats chosen, is left for the next.
    return <EventView key={event.id} event={event} />;
  }
  if (isNotFound(error)) {
    return (
      <Message isPage icon="search" title={t('event.missing')} text={t('event.missingText')} link="events" />
    );
  }
  if (error !== null) {
    return <LoadFailed title={t('event.failed')} error={error} retry={() => void refetch()} />;
  }
  return <EventSkeleton />;
}

function EventView({ event }: { event: Event }) {
  const { t } = useTranslation();
  const image = imageOf(event);
  return (
    <>
      <BackToList />
      <article className={styles.page}>
        <header className={styles.head}>
          {image !== undefined && (
            <div className={styles.frame}>
              <img src={image} alt="" referrerPolicy="no-referrer" className={styles.image} />
            </div>
          )}
          <PageTitle tab={event.name} className={event.name.length > LONG_NAME ? styles.long : undefined}>
            {event.name}
          </PageTitle>
          {typeof event.organiser === 'string' && (
            <p className={styles.organiser}>{t('event.by', { name: event.organiser })}</p>
          )}
          <EventFacts event={event} />
        </header>
        <BookingCard event={event} />
        <About text={event.description ?? ''} />
      </article>
    </>
  );
}

function About({ text }: { text: string }) {
  const { t } = useTranslation();
  if (text.trim() === '') {
    return null;
  }
  return (
    <section className={styles.about}>
      <h2>{t('event.about')}</h2>
      <p className={styles.description} dir="auto">
        {text}
      </p>
    </section>
  );
}
