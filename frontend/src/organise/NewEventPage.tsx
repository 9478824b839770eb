/** The page at `/organise/events/new`. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { api, dataOf } from '../api/client';
import { RETRIED } from '../api/problem';
import type { Place } from '../api/types';
import { eventQuery } from '../events/queries';
import { knownZone, visitorZone } from '../format/time';
import { LoadFailed } from '../layout/LoadFailed';
import { PageTitle } from '../layout/PageTitle';
import { PageSkeleton } from '../layout/Skeleton';
import controls from '../style/controls.module.css';
import { EventFields } from './EventFields';
import { mistakesIn, newEventOf, NO_VALUES, type EventValues } from './eventValues';
import { NO_ERRORS } from './fieldErrors';
import { Form } from './Form';
import { formProblem, formErrors } from './formProblem';
import page from './Page.module.css';
import { organisedKey, placesQuery } from './queries';
import { useAttemptKey } from './useAttemptKey';

export function NewEventPage() {
  const { t } = useTranslation();
  const { data: places, error, refetch } = useQuery(placesQuery());
  if (places === undefined) {
    return error === null ? (
      <PageSkeleton />
    ) : (
      <LoadFailed title={t('organise.placesFailed')} error={error} retry={() => void refetch()} />
    );
  }
  return (
    <div className={page.narrow}>
      <PageTitle tab={t('organise.newEvent')}>{t('organise.newEvent')}</PageTitle>
      {places.length === 0 ? <PlaceFirst /> : <NewEventForm places={places} />}
    </div>
  );
}

function PlaceFirst() {
  const { t } = useTranslation();
  return (
    <div className={page.section}>
      <p>{t('organise.placeFirst')}</p>
      <p>
        <Link to="/organise/locations/new" className={controls.primary}>
          {t('organise.newPlace')}
        </Link>
      </p>
    </div>
  );
}

function useCreateEvent() {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: ({ values, zone, key }: { values: EventValues; zone: string; key: string }) =>
      dataOf(
        api.POST('/events', {
          params: { header: { 'Idempotency-Key': key } },
          body: newEventOf(values, zone),
        }),
      ),
    ...RETRIED,
    onSuccess: (event) => {
      client.setQueryData(eventQuery(event.id).queryKey, event);
      void client.invalidateQueries({ queryKey: organisedKey });
      void navigate(`/organise/events/${event.id}`);
    },
  });
}

function NewEventForm({ places }: { places: readonly Place[] }) {
  const { t } = useTranslation();
  const [values, setValues] = useState(() => firstValues(places));
  const [mistakes, setMistakes] = useState(NO_ERRORS);
  const keyFor = useAttemptKey();
  const creating = useCreateEvent();
  const zone = zoneOf(places, values);
  const errors = formErrors(mistakes, creating.error);
  return (
    <Form
      errors={errors}
      problem={formProblem(t, creating.error)}
      isSaving={creating.isPending || creating.isSuccess}
      submit={t('form.create')}
      back="/organise"
      onSubmit={() => {
        const found = mistakesIn(values, zone);
        setMistakes(found);
        creating.reset();
        if (found.length === 0) {
          creating.mutate({ values, zone, key: keyFor({ values, zone }) });
        }
      }}
    >
      <EventFields
        isNew
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

/** Who has one place only need not choose. */
function firstValues(places: readonly Place[]): EventValues {
  const only = places.length === 1 ? places[0] : undefined;
  return { ...NO_VALUES, location_id: only?.id ?? '' };
}

function zoneOf(places: readonly Place[], values: EventValues): string {
  const place = places.find((one) => one.id === values.location_id);
  return place === undefined ? visitorZone() : knownZone(place.time_zone);
}
