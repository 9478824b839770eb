/** The page at `/organise/events/{id}`: how an event sells. */
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { isNotFound } from '../api/problem';
import type { Event } from '../api/types';
import { Notice } from '../bookings/Notice';
import { eventQuery } from '../events/queries';
import { isolated } from '../format/names';
import { knownZone, momentText, zoneText } from '../format/time';
import { useLocale } from '../format/useFormat';
import { LoadFailed } from '../layout/LoadFailed';
import { Message } from '../layout/Message';
import { PageTitle } from '../layout/PageTitle';
import { PageSkeleton } from '../layout/Skeleton';
import controls from '../style/controls.module.css';
import { CancelEvent } from './CancelEvent';
import { ExportHistory } from './ExportHistory';
import page from './Page.module.css';
import { SalesBoard } from './SalesBoard';

const LONG_NAME = 80;

export function DashboardPage({ id }: { id: string }) {
  const { t } = useTranslation();
  const { data: event, error, refetch } = useQuery(eventQuery(id));
  if (event !== undefined) {
    return <Dashboard event={event} />;
  }
  if (isNotFound(error)) {
    return (
      <Message isPage icon="search" title={t('event.missing')} text={t('event.missingText')} link="events" />
    );
  }
  if (error !== null) {
    return <LoadFailed title={t('event.failed')} error={error} retry={() => void refetch()} />;
  }
  return <PageSkeleton />;
}

function Dashboard({ event }: { event: Event }) {
  const { t } = useTranslation();
  const [done, setDone] = useState('');
  return (
    <div className={page.page}>
      <header className={page.section}>
        <PageTitle tab={event.name} className={event.name.length > LONG_NAME ? page.long : undefined}>
          {event.name}
        </PageTitle>
        <WhenAndWhere event={event} />
        <Actions
          event={event}
          onCancelled={() => {
            setDone(t('organise.cancel.done', { name: isolated(event.name) }));
          }}
        />
      </header>
      {done !== '' && <Notice text={done} />}
      <SalesBoard event={event} />
    </div>
  );
}

function WhenAndWhere({ event }: { event: Event }) {
  const locale = useLocale();
  const zone = knownZone(event.location?.time_zone);
  const place = [event.location?.name, event.hall].filter(Boolean).join(', ');
  return (
    <p className={page.soft} dir="auto">
      {momentText(event.start_time, zone, locale)} {zoneText(event.start_time, zone, locale)}
      {place !== '' && ` · ${place}`}
    </p>
  );
}

function Actions({ event, onCancelled }: { event: Event; onCancelled: () => void }) {
  const { t } = useTranslation();
  return (
    <div className={page.actions}>
      {event.status !== 'cancelled' && (
        <Link to={`/organise/events/${event.id}/edit`} className={controls.primary}>
          {t('organise.changeEvent')}
        </Link>
      )}
      <Link to={`/e/${event.id}`} className={controls.quiet}>
        {t('organise.asVisitor')}
      </Link>
      <ExportHistory event={event} />
      {event.status === 'scheduled' && <CancelEvent event={event} onDone={onCancelled} />}
    </div>
  );
}
