/** Search and filters of the list. Browsers' own controls: they suit every device and every reader. */
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useLocale } from '../format/useFormat';
import type { Filters, When } from './filters';
import styles from './FilterBar.module.css';
import { countriesQuery } from './queries';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import { SearchField } from './SearchField';
import { useTyped } from './useTyped';

interface Props {
  filters: Filters;
  onChange: (changed: Partial<Filters>) => void;
}

export function FilterBar({ filters, onChange }: Props) {
  const { t } = useTranslation();
  return (
    <search className={styles.bar} aria-label={t('list.filters')}>
      <SearchField
        text={filters.text}
        onSearch={(text) => {
          onChange({ text });
        }}
      />
      <div className={styles.filters}>
        <WhenFilter filters={filters} onChange={onChange} />
        <WhereFilter filters={filters} onChange={onChange} />
        <label className={styles.check}>
          <input
            type="checkbox"
            checked={filters.available}
            onChange={({ target }) => {
              onChange({ available: target.checked });
            }}
          />
          {t('list.available')}
        </label>
      </div>
    </search>
  );
}

function WhenFilter({ filters, onChange }: Props) {
  const { t } = useTranslation();
  return (
    <>
      <select
        className={classes(controls.chevron, styles.select)}
        aria-label={t('list.when')}
        value={filters.when}
        onChange={({ target }) => {
          onChange({ when: target.value as When });
        }}
      >
        <option value="any">{t('list.when.any')}</option>
        <option value="today">{t('list.when.today')}</option>
        <option value="week">{t('list.when.week')}</option>
        <option value="month">{t('list.when.month')}</option>
        <option value="from">{t('list.when.from')}</option>
      </select>
      {filters.when === 'from' && (
        <DateField
          day={filters.from}
          onChange={(from) => {
            onChange({ from });
          }}
        />
      )}
    </>
  );
}

/** While a year is typed digit by digit there are days on the way that nobody means. */
const DATE_PAUSE_MS = 700;

function DateField({ day, onChange }: { day: string; onChange: (day: string) => void }) {
  const { t } = useTranslation();
  const typed = useTyped(day, DATE_PAUSE_MS, onChange);
  return <input {...typed} type="date" className={styles.date} aria-label={t('list.from')} />;
}

function WhereFilter({ filters, onChange }: Props) {
  const { t } = useTranslation();
  const { data: known = [] } = useQuery(countriesQuery(useLocale()));
  // One that came with the address is shown even before, or without, being known.
  const isKnown = filters.country === '' || known.includes(filters.country);
  const countries = isKnown ? known : [filters.country, ...known];
  return (
    <select
      className={classes(controls.chevron, styles.where)}
      aria-label={t('list.where')}
      value={filters.country}
      onChange={({ target }) => {
        onChange({ country: target.value });
      }}
    >
      <option value="">{t('list.where.any')}</option>
      {countries.map((country) => (
        <option key={country} value={country}>
          {country}
        </option>
      ))}
    </select>
  );
}
