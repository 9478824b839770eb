/** The page at `/organise/events/{id}/edit`. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { api, dataOf } from '../api/client';
import { isNotFound, RETRIED } from '../api/problem';
import type { Event, Place } from '../api/types';
import { eventQuery } from '../events/queries';
import { knownZone, visitorZone } from '../format/time';
import { LoadFailed } from '../layout/LoadFailed';
import { Message } from '../layout/Message';
import { PageTitle } from '../layout/PageTitle';
import { PageSkeleton } from '../layout/Skeleton';
import { afterConflict } from './afterConflict';
import { EventFields } from './EventFields';
import { mistakesIn, patchOf, valuesOf, type EventField } from './eventValues';
import { NO_ERRORS } from './fieldErrors';
import { Form } from './Form';
import { formErrors, formProblem } from './formProblem';
import page from './Page.module.css';
import { editedEventQuery, organisedKey, placesQuery } from './queries';
import { differences, rebased } from './rebase';
import { TheirChanges } from './TheirChanges';
import { useAttemptKey } from './useAttemptKey';

export function EditEventPage({ id }: { id: string }) {
  const { t } = useTranslation();
  const edited = useQuery(editedEventQuery(id));
  const places = useQuery(placesQuery());
  const error = edited.error ?? places.error;
  if (edited.data !== undefined && places.data !== undefined) {
    const { event, etag } = edited.data;
    return (
      <div className={page.narrow}>
        <PageTitle tab={t('organise.changeNamed', { name: event.name })}>
          {t('organise.changeEvent')}
        </PageTitle>
        <EditEventForm event={event} etag={etag} places={places.data} />
      </div>
    );
  }
  if (isNotFound(error)) {
    return (
      <Message isPage icon="search" title={t('event.missing')} text={t('event.missingText')} link="events" />
    );
  }
  if (error !== null) {
    const retry = () => {
      void edited.refetch();
      void places.refetch();
    };
    return <LoadFailed title={t('event.failed')} error={error} retry={retry} />;
  }
  return <PageSkeleton />;
}

interface Sent {
  id: string;
  etag: string;
  key: string;
  body: ReturnType<typeof patchOf>;
}

function useChangeEvent(onConflict: () => Promise<void>) {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: ({ id, etag, key, body }: Sent) => {
      const params = { path: { id }, header: { 'If-Match': etag, 'Idempotency-Key': key } };
      return dataOf(api.PATCH('/events/{id}', { params, body }));
    },
    ...RETRIED,
    onSuccess: (event) => {
      client.setQueryData(eventQuery(event.id).queryKey, event);
      void client.invalidateQueries({ queryKey: organisedKey });
      void navigate(`/organise/events/${event.id}`);
    },
    onError: (error, { id }) => afterConflict(error, `event/${id}`, onConflict),
  });
}

interface Base {
  event: Event;
  etag: string;
}

function EditEventForm({ event, etag, places }: Base & { places: readonly Place[] }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [base, setBase] = useState<Base>({ event, etag });
  const zoneBefore = knownZone(base.event.location?.time_zone);
  const before = valuesOf(base.event, zoneBefore);
  const [values, setValues] = useState(before);
  const [mistakes, setMistakes] = useState(NO_ERRORS);
  const keyFor = useAttemptKey();
  const [theirs, setTheirs] = useState<readonly EventField[]>([]);
  const changing = useChangeEvent(async () => {
    const fresh = await client.fetchQuery({ ...editedEventQuery(event.id), staleTime: 0 });
    const now = valuesOf(fresh.event, knownZone(fresh.event.location?.time_zone));
    setTheirs(differences(before, now));
    setValues((ours) => rebased(before, ours, now));
    setBase(fresh);
  });
  const zone = zoneOf(places, values.location_id, zoneBefore);
  const errors = formErrors(mistakes, changing.error);
  const save = () => {
    const found = mistakesIn(values, zone);
    setMistakes(found);
    changing.reset();
    if (found.length === 0) {
      const body = patchOf(before, zoneBefore, values, zone);
      const { etag } = base;
      changing.mutate({ id: event.id, etag, key: keyFor({ etag, body }), body });
    }
  };
  return (
    <Form
      errors={errors}
      problem={formProblem(t, changing.error)}
      isSaving={changing.isPending || changing.isSuccess}
      submit={t('form.save')}
      back={`/organise/events/${event.id}`}
      onSubmit={save}
    >
      <TheirChanges fields={theirs} event={base.event} places={places} />
      <EventFields
        isNew={false}
        values={values}
        errors={errors}
        places={places}
        zone={zone}
        onChange={(changed) => {
          setValues({ ...values, ...changed });
        }}
      />
    </Form>
  );
}

function zoneOf(places: readonly Place[], id: string, otherwise: string): string {
  const place = places.find((one) => one.id === id);
  return place === undefined ? otherwise || visitorZone() : knownZone(place.time_zone);
}
