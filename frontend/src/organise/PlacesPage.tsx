/** The page at `/organise/locations`. */
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import type { Place } from '../api/types';
import { isolated } from '../format/names';
import { LoadFailed } from '../layout/LoadFailed';
import { Message } from '../layout/Message';
import { PageTitle } from '../layout/PageTitle';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import page from './Page.module.css';
import { placesQuery } from './queries';
import { RowsSkeleton } from './RowsSkeleton';

export function PlacesPage() {
  const { t } = useTranslation();
  return (
    <div className={page.page}>
      <header className={page.head}>
        <PageTitle tab={t('organise.places')}>{t('organise.places')}</PageTitle>
        <Link to="/organise/locations/new" className={controls.primary}>
          {t('organise.newPlace')}
        </Link>
      </header>
      <Places />
    </div>
  );
}

function Places() {
  const { t } = useTranslation();
  const { data: places, error, refetch } = useQuery(placesQuery());
  if (places === undefined) {
    return error === null ? (
      <RowsSkeleton />
    ) : (
      <LoadFailed
        isPage={false}
        title={t('organise.placesFailed')}
        error={error}
        retry={() => void refetch()}
      />
    );
  }
  if (places.length === 0) {
    return <Message icon="pin" title={t('organise.noPlaces')} text={t('organise.noPlacesText')} />;
  }
  return (
    <ul className={page.section}>
      {places.map((place) => (
        <PlaceRow key={place.id} place={place} />
      ))}
    </ul>
  );
}

function PlaceRow({ place }: { place: Place }) {
  const { t } = useTranslation();
  const seats = place.halls.reduce((sum, hall) => sum + hall.capacity, 0);
  const where = [place.address, place.country].filter((part) => part !== '').join(', ');
  return (
    <li className={classes(controls.card, page.panel, page.head)}>
      <div className={page.rowText}>
        <h2 dir="auto">{place.name}</h2>
        {where !== '' && (
          <p className={page.soft} dir="auto">
            {where}
          </p>
        )}
        <p className={page.soft}>
          {t('organise.halls', { count: place.halls.length })} · {t('booking.seats', { count: seats })} ·{' '}
          {place.time_zone}
        </p>
      </div>
      <Link
        to={`/organise/locations/${place.id}/edit`}
        className={controls.quiet}
        aria-label={t('organise.changeNamed', { name: isolated(place.name) })}
      >
        {t('organise.change')}
      </Link>
    </li>
  );
}
