/** The page at `/organise/locations/{id}/edit`. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { api, dataOf } from '../api/client';
import { isNotFound, RETRIED } from '../api/problem';
import type { Place } from '../api/types';
import { LoadFailed } from '../layout/LoadFailed';
import { MissingPage } from '../layout/MissingPage';
import { PageTitle } from '../layout/PageTitle';
import { PageSkeleton } from '../layout/Skeleton';
import controls from '../style/controls.module.css';
import { afterConflict } from './afterConflict';
import page from './Page.module.css';
import { PlaceForm } from './PlaceForm';
import { placePatchOf, placeValuesOf } from './placeValues';
import { editedPlaceQuery, placesKey } from './queries';
import { rebased } from './rebase';
import { useAttemptKey } from './useAttemptKey';

export function EditPlacePage({ id }: { id: string }) {
  const { t } = useTranslation();
  const { data, error, refetch } = useQuery(editedPlaceQuery(id));
  if (data !== undefined) {
    return (
      <div className={page.narrow}>
        <PageTitle tab={t('organise.changeNamed', { name: data.place.name })}>
          {t('organise.changePlace')}
        </PageTitle>
        <p className={controls.notice}>{t('organise.placeNote')}</p>
        <EditPlaceForm place={data.place} etag={data.etag} />
      </div>
    );
  }
  if (isNotFound(error)) {
    return <MissingPage />;
  }
  if (error !== null) {
    return <LoadFailed title={t('organise.placesFailed')} error={error} retry={() => void refetch()} />;
  }
  return <PageSkeleton />;
}

interface Base {
  place: Place;
  etag: string;
}

interface Sent {
  id: string;
  etag: string;
  key: string;
  body: ReturnType<typeof placePatchOf>;
}

function useChangePlace(onConflict: () => Promise<void>) {
  const client = useQueryClient();
  const navigate = useNavigate();
  return useMutation({
    mutationFn: ({ id, etag, key, body }: Sent) => {
      const headers = { 'If-Match': etag, 'Idempotency-Key': key };
      return dataOf(api.PATCH('/locations/{id}', { params: { path: { id } }, headers, body }));
    },
    ...RETRIED,
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: placesKey });
      void navigate('/organise/locations');
    },
    onError: (error, { id }) => afterConflict(error, `location/${id}`, onConflict),
  });
}

function EditPlaceForm({ place, etag }: Base) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [base, setBase] = useState<Base>({ place, etag });
  const before = placeValuesOf(base.place);
  const [values, setValues] = useState(before);
  const keyFor = useAttemptKey();
  const [hasConflict, setConflict] = useState(false);
  const changing = useChangePlace(async () => {
    const fresh = await client.fetchQuery({ ...editedPlaceQuery(place.id), staleTime: 0 });
    setValues((ours) => rebased(before, ours, placeValuesOf(fresh.place)));
    setBase(fresh);
    setConflict(true);
  });
  return (
    <PlaceForm
      values={values}
      saving={changing}
      submit={t('form.save')}
      onChange={setValues}
      onSubmit={() => {
        const [body, { etag: known }] = [placePatchOf(before, values), base];
        changing.mutate({ id: place.id, etag: known, key: keyFor({ known, body }), body });
      }}
    >
      <div role="alert">
        {hasConflict && <p className={controls.notice}>{t('organise.placeConflict')}</p>}
      </div>
    </PlaceForm>
  );
}
