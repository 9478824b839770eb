/** The page at `/`: events that are still to come, with search and filters. */
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { PageTitle } from '../layout/PageTitle';
import { EventList } from './EventList';
import { FilterBar } from './FilterBar';
import { addressOf, filtersOf, type Filters } from './filters';
import styles from './ListPage.module.css';

export function ListPage() {
  const { t } = useTranslation();
  const [address, setAddress] = useSearchParams();
  const filters = useMemo(() => filtersOf(address), [address]);
  // Replaced, so that the back button leaves the list instead of undoing letter by letter.
  const change = (changed: Partial<Filters>) => {
    setAddress((now) => addressOf({ ...filtersOf(now), ...changed }), {
      replace: true,
      preventScrollReset: true,
    });
  };
  return (
    <>
      <PageTitle tab={t('app.events')} className={styles.title}>
        {t('list.title')}
      </PageTitle>
      <FilterBar filters={filters} onChange={change} />
      <EventList filters={filters} onChange={change} />
    </>
  );
}
