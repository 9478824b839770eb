/** The page at `/organise/locations/new`. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { api, dataOf } from '../api/client';
import { RETRIED } from '../api/problem';
import { PageTitle } from '../layout/PageTitle';
import page from './Page.module.css';
import { PlaceForm } from './PlaceForm';
import { newPlaceOf, newPlaceValues, type PlaceValues } from './placeValues';
import { placesKey } from './queries';
import { useAttemptKey } from './useAttemptKey';

export function NewPlacePage() {
  const { t } = useTranslation();
  const [values, setValues] = useState(newPlaceValues);
  const client = useQueryClient();
  const navigate = useNavigate();
  const keyFor = useAttemptKey();
  const creating = useMutation({
    mutationFn: ({ filled, key }: { filled: PlaceValues; key: string }) => {
      const headers = { 'Idempotency-Key': key };
      return dataOf(api.POST('/locations', { headers, body: newPlaceOf(filled) }));
    },
    ...RETRIED,
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: placesKey });
      void navigate('/organise/locations');
    },
  });
  return (
    <div className={page.narrow}>
      <PageTitle tab={t('organise.newPlace')}>{t('organise.newPlace')}</PageTitle>
      <PlaceForm
        values={values}
        saving={creating}
        submit={t('form.createPlace')}
        onChange={setValues}
        onSubmit={() => {
          creating.mutate({ filled: values, key: keyFor(values) });
        }}
      />
    </div>
  );
}
