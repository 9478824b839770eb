/** What surrounds the fields of a form: what went wrong, and the buttons. The first field at fault takes the focus. */
import { useEffect, useRef, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import controls from '../style/controls.module.css';
import type { FieldErrors } from './fieldErrors';
import { ruleText } from './fieldErrors';
import styles from './Form.module.css';

interface Props {
  errors: FieldErrors;
  /** What went wrong and is no field's fault. */
  problem: string | undefined;
  isSaving: boolean;
  submit: string;
  /** Where one goes without saving. */
  back: string;
  onSubmit: () => void;
  children: ReactNode;
}

export function Form({ errors, problem, isSaving, submit, back, onSubmit, children }: Props) {
  const { t } = useTranslation();
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (errors.length > 0) {
      form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
    }
  }, [errors]);
  return (
    <form
      ref={form}
      noValidate
      className={styles.form}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isSaving) {
          onSubmit();
        }
      }}
    >
      {children}
      <div role="alert" className={styles.alerts}>
        {problem !== undefined && <p className={controls.alert}>{problem}</p>}
        {errors.length > 0 && (
          <p className={controls.alert}>{t('form.mistakes', { count: errors.length })}</p>
        )}
      </div>
      <div className={styles.actions}>
        <button type="submit" className={controls.primary} aria-disabled={isSaving}>
          {isSaving ? t('form.saving') : submit}
        </button>
        <Link to={back} className={controls.plain}>
          {t('form.discard')}
        </Link>
      </div>
    </form>
  );
}

/** For what is wrong with a part of a form that is no single field. */
export function PartErrors({ errors, field }: { errors: FieldErrors; field: string }) {
  const { t } = useTranslation();
  return errors
    .filter((error) => error.field === field)
    .map((error) => (
      <p key={error.rule} className={controls.alert}>
        {ruleText(t, error.rule)}
      </p>
    ));
}
