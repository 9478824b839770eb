/** The form of a location, new or not. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { fieldErrorsOf } from './fieldErrors';
import { Form } from './Form';
import { formProblem } from './formProblem';
import { PlaceFields } from './PlaceFields';
import type { PlaceValues } from './placeValues';

interface Props {
  values: PlaceValues;
  /** How saving goes. */
  saving: { error: unknown; isPending: boolean; isSuccess: boolean };
  submit: string;
  onChange: (values: PlaceValues) => void;
  onSubmit: () => void;
  /** What there is to say above the fields. */
  children?: ReactNode;
}

export function PlaceForm({ values, saving, submit, onChange, onSubmit, children }: Props) {
  const { t } = useTranslation();
  const errors = fieldErrorsOf(saving.error);
  return (
    <Form
      errors={errors}
      problem={formProblem(t, saving.error)}
      isSaving={saving.isPending || saving.isSuccess}
      submit={submit}
      back="/organise/locations"
      onSubmit={onSubmit}
    >
      {children}
      <PlaceFields
        values={values}
        errors={errors}
        onChange={(changed) => {
          onChange({ ...values, ...changed });
        }}
      />
    </Form>
  );
}
