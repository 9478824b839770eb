/** The pages under `/organise`, loaded when one of them is opened. */
import type { ReactNode } from 'react';
import { Route, Routes, useParams } from 'react-router';
import { MissingPage } from '../layout/MissingPage';
import { DashboardPage } from './DashboardPage';
import { EditEventPage } from './EditEventPage';
import { EditPlacePage } from './EditPlacePage';
import { NewEventPage } from './NewEventPage';
import { NewPlacePage } from './NewPlacePage';
import { OrganiseNav } from './OrganiseNav';
import { OverviewPage } from './OverviewPage';
import { PlacesPage } from './PlacesPage';

export default function OrganiseRoutes() {
  return (
    <>
      <OrganiseNav />
      <Routes>
        <Route index element={<OverviewPage />} />
        <Route path="events/new" element={<NewEventPage />} />
        <Route path="events/:id" element={<OfId page={DashboardPage} />} />
        <Route path="events/:id/edit" element={<OfId page={EditEventPage} />} />
        <Route path="locations" element={<PlacesPage />} />
        <Route path="locations/new" element={<NewPlacePage />} />
        <Route path="locations/:id/edit" element={<OfId page={EditPlacePage} />} />
        <Route path="*" element={<MissingPage />} />
      </Routes>
    </>
  );
}

/** A key, so that nothing of one event or place is left for the next. */
function OfId({ page: Page }: { page: (props: { id: string }) => ReactNode }) {
  const { id = '' } = useParams();
  return <Page key={id} id={id} />;
}
