/**
 * Which page is at which address.
 *
 * Only the list is part of the first load. To add a page, add a lazy one here; pages for organisers go into
 * `organise/routes.tsx`, which has `/organise` to itself.
 */
import { lazy } from 'react';
import type { RouteObject } from 'react-router';
import { ListPage } from './events/ListPage';
import { BrokenPage } from './layout/BrokenPage';
import { Layout } from './layout/Layout';
import { MissingPage } from './layout/MissingPage';

const EventPage = lazy(() => import('./events/EventPage'));
const BookingPage = lazy(() => import('./bookings/BookingPage'));
const MyBookingsPage = lazy(() => import('./bookings/MyBookingsPage'));
const OrganiseRoutes = lazy(() => import('./organise/routes'));

const pages: RouteObject[] = [
  { index: true, element: <ListPage /> },
  { path: 'e/:id', element: <EventPage /> },
  { path: 'b/:id', element: <BookingPage /> },
  { path: 'me', element: <MyBookingsPage /> },
  { path: 'organise/*', element: <OrganiseRoutes /> },
  { path: '*', element: <MissingPage /> },
];

export const routes: RouteObject[] = [
  // The inner element keeps header and footer there when a page breaks.
  { element: <Layout />, children: [{ errorElement: <BrokenPage />, children: pages }] },
];
