/** Searches while one types. */
import { useTranslation } from 'react-i18next';
import { Icon } from '../layout/Icon';
import styles from './SearchField.module.css';
import { useTyped } from './useTyped';

const PAUSE_MS = 250;

interface Props {
  text: string;
  onSearch: (text: string) => void;
}

export function SearchField({ text, onSearch }: Props) {
  const { t } = useTranslation();
  const typed = useTyped(text, PAUSE_MS, onSearch);
  return (
    <div className={styles.field}>
      <Icon name="search" />
      <input
        {...typed}
        type="search"
        dir="auto"
        className={styles.input}
        aria-label={t('list.search')}
        placeholder={t('list.searchHint')}
        autoComplete="off"
        enterKeyHint="search"
        maxLength={200}
      />
    </div>
  );
}
