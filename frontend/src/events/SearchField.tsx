/**
 * Searches while one types, once the typing pauses.
 *
 * The field keeps its own text: were it the address's, a slow reply could take back letters that were typed since.
 */
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Icon } from '../layout/Icon';
import styles from './SearchField.module.css';

const PAUSE_MS = 250;

interface Props {
  text: string;
  onSearch: (text: string) => void;
}

export function SearchField({ text, onSearch }: Props) {
  const { t } = useTranslation();
  const field = useRef<HTMLInputElement>(null);
  const timer = useRef<number>(undefined);
  const sent = useRef(text);
  useEffect(() => {
    // Changed by something else: the back button, or a filter that was cleared.
    if (field.current !== null && text !== sent.current) {
      window.clearTimeout(timer.current);
      field.current.value = text;
      sent.current = text;
    }
  }, [text]);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const search = () => {
    window.clearTimeout(timer.current);
    const wanted = field.current?.value.trim() ?? '';
    if (wanted === sent.current) return;
    sent.current = wanted;
    onSearch(wanted);
  };
  return (
    <div className={styles.field}>
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        dir="auto"
        className={styles.input}
        aria-label={t('list.search')}
        placeholder={t('list.searchHint')}
        defaultValue={text}
        autoComplete="off"
        enterKeyHint="search"
        maxLength={200}
        onChange={() => {
          window.clearTimeout(timer.current);
          timer.current = window.setTimeout(search, PAUSE_MS);
        }}
        // Whoever goes on at once finds it again by the back button.
        onBlur={search}
      />
    </div>
  );
}
