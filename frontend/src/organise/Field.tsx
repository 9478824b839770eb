/** A label, a control, and below it a hint or what is wrong with it. */
import { useId, type InputHTMLAttributes, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import styles from './Field.module.css';

/** What ties a control to its label and texts. */
export interface Tied {
  id: string;
  className: string;
  'aria-describedby': string | undefined;
  'aria-invalid': boolean;
  'aria-required': boolean;
}

interface Props {
  label: string;
  hint?: string | undefined;
  error: string | undefined;
  isRequired?: boolean;
  className?: string | undefined;
  children: (tied: Tied) => ReactNode;
}

export function Field({ label, hint, error, isRequired = false, className, children }: Props) {
  const { t } = useTranslation();
  const id = useId();
  const text = error ?? hint;
  return (
    <div className={classes(styles.field, className)}>
      <label htmlFor={id} className={styles.label}>
        {label}
        {!isRequired && <span className={styles.optional}> {t('form.optional')}</span>}
      </label>
      {children({
        id,
        className: styles.control ?? '',
        'aria-describedby': text === undefined ? undefined : `${id}-text`,
        'aria-invalid': error !== undefined,
        'aria-required': isRequired,
      })}
      {text !== undefined && (
        <p id={`${id}-text`} className={error === undefined ? styles.hint : styles.error}>
          {text}
        </p>
      )}
    </div>
  );
}

type InputProps = Omit<Props, 'children'> & {
  value: string;
  onChange: (value: string) => void;
  input?: InputHTMLAttributes<HTMLInputElement>;
};

/** With one line of text or a number. */
export function InputField({ value, onChange, input, ...props }: InputProps) {
  return (
    <Field {...props}>
      {(tied) => (
        <input
          dir="auto"
          autoComplete="off"
          {...input}
          {...tied}
          value={value}
          onChange={({ target }) => {
            onChange(target.value);
          }}
        />
      )}
    </Field>
  );
}

/** Digits only, without arrows that a wheel could turn by mistake. */
export function NumberInputField(props: Omit<InputProps, 'input'>) {
  return <InputField {...props} input={{ inputMode: 'numeric', pattern: '[0-9]*', maxLength: 9 }} />;
}

interface AreaProps extends Omit<Props, 'children'> {
  value: string;
  onChange: (value: string) => void;
}

export function AreaField({ value, onChange, ...props }: AreaProps) {
  return (
    <Field {...props}>
      {(tied) => (
        <textarea
          dir="auto"
          rows={5}
          {...tied}
          value={value}
          onChange={({ target }) => {
            onChange(target.value);
          }}
        />
      )}
    </Field>
  );
}

interface SelectProps extends AreaProps {
  /** What stands for none. */
  none: string;
  options: readonly { value: string; text: string }[];
}

export function SelectField({ value, onChange, none, options, ...props }: SelectProps) {
  return (
    <Field {...props}>
      {(tied) => (
        <select
          {...tied}
          className={classes(tied.className, controls.chevron, styles.select)}
          value={value}
          onChange={({ target }) => {
            onChange(target.value);
          }}
        >
          <option value="">{none}</option>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
