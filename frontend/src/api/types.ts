/** Short names for the replies that the pages show. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Event = Schemas['EventReply'];
export type EventPage = Schemas['Page_EventReply'];
export type Availability = Schemas['AvailabilityReply'];
export type Booking = Schemas['BookingReply'];
export type BookingPage = Schemas['Page_BookingReply'];
export type Place = Schemas['LocationReply'];
export type Problem = Schemas['Problem'];
export type Hall = Schemas['HallReply'];
export type HourSales = Schemas['HourReply'];
export type FieldError = Schemas['FieldError'];
export type Entry = Omit<Schemas['HistoryReply'], 'facts' | keyof Schemas['SeatsAfter']> &
  Partial<Schemas['SeatsAfter']> & { facts: Record<string, unknown> };
