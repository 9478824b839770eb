/** The page at `/organise/locations/{id}/edit`. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { api, dataOf } from '../api/client';
import { ApiError, isNotFound } from '../api/problem';
import type { Place } from '../api/types';
import { LoadFailed } from '../layout/LoadFailed';
import { MissingPage } from '../layout/MissingPage';
import { PageTitle } from '../layout/PageTitle';
import { PageSkeleton } from '../layout/Skeleton';
import controls from '../style/controls.module.css';
import { fieldErrorsOf } from './fieldErrors';
import { Form } from './Form';
import { formProblem } from './formProblem';
import page from './Page.module.css';
import { PlaceFields } from './PlaceFields';
import { placePatchOf, placeValuesOf } from './placeValues';
import { editedPlaceQuery, placesKey } from './queries';

export function EditPlacePage({ id }: { id: string }) {
  const { t } = useTranslation();
  const { data, error, refetch } = useQuery(editedPlaceQuery(id));
  const [hasConflict, setConflict] = useState(false);
  if (data !== undefined) {
    return (
      <div className={page.narrow}>
        <PageTitle tab={t('organise.changeNamed', { name: data.place.name })}>
          {t('organise.changePlace')}
        </PageTitle>
        <div>
          <p className={controls.notice}>{t('organise.placeNote')}</p>
          <div role="alert">
            {hasConflict && <p className={controls.alert}>{t('organise.placeConflict')}</p>}
          </div>
        </div>
        {/* Changed by somebody else, it begins anew with what it is now. */}
        <EditPlaceForm
          key={data.etag}
          place={data.place}
          etag={data.etag}
          onConflict={() => {
            setConflict(true);
            void refetch();
          }}
        />
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

interface Props {
  place: Place;
  etag: string;
  onConflict: () => void;
}

function EditPlaceForm({ place, etag, onConflict }: Props) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const before = placeValuesOf(place);
  const [values, setValues] = useState(before);
  const changing = useMutation({
    mutationFn: (body: ReturnType<typeof placePatchOf>) => {
      const params = { path: { id: place.id } };
      return dataOf(api.PATCH('/locations/{id}', { params, headers: { 'If-Match': etag }, body }));
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: placesKey });
      void navigate('/organise/locations');
    },
    onError: (error) => {
      if (error instanceof ApiError && error.kind === 'precondition-failed') {
        onConflict();
      }
    },
  });
  const errors = fieldErrorsOf(changing.error);
  return (
    <Form
      errors={errors}
      problem={formProblem(t, changing.error)}
      isSaving={changing.isPending || changing.isSuccess}
      submit={t('form.save')}
      back="/organise/locations"
      onSubmit={() => {
        changing.mutate(placePatchOf(before, values));
      }}
    >
      <PlaceFields
        values={values}
        errors={errors}
        onChange={(changed) => {
          setValues({ ...values, ...changed });
        }}
      />
    </Form>
  );
}
