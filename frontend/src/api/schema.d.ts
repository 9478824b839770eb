export interface paths {
    "/bookings/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One booking. */
        get: operations["getBooking"];
        put?: never;
        post?: never;
        /** Cancel a booking: its seats return. Twice is the same as once; possible until the event starts. */
        delete: operations["cancelBooking"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events, soonest first: by default those that are neither cancelled nor over. */
        get: operations["listEvents"];
        put?: never;
        /** Create an event, with its location if that is not known yet. */
        post: operations["createEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events/id/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One event, by the search route. */
        get: operations["getEventById"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events/name/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events of this name, in any letter case; several may share it. */
        get: operations["findEventsByName"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One event. */
        get: operations["getEvent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change an event, capacity included. */
        patch: operations["changeEvent"];
        trace?: never;
    };
    "/events/{id}/availability": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What is left of an event, now or at a moment of the past.
         * @description `at` is a time (RFC 3339, or unix seconds) or a version of the inventory (`v17`), as its history numbers them.
         */
        get: operations["getAvailability"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events/{id}/bookings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The bookings of an event, oldest first. */
        get: operations["listBookingsOfEvent"];
        put?: never;
        /** Book seats of an event. */
        post: operations["bookSeats"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancel an event. Its bookings stay and say so; cancelling twice is the same as once. */
        post: operations["cancelEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events/{id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What happened to an event and to its seats: who, what and when.
         * @description Oldest first, or newest first with `order=desc`. Entries of the event and of its inventory stand in the order of
         *     their times; those of each in the order of their versions, even where a clock was set back.
         */
        get: operations["getHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events/{id}/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What happens to an event's seats, as it happens (Server-Sent Events).
         * @description Begins with `availability`: what is left now. Then comes a message for each entry of the inventory's history, named as the
         *     entry is (`event.booked`, `booking.cancelled`) and with its JSON. With `only=availability` there are no entries, but
         *     `availability` again for each new version, of several at a time the last one. What time alone changes, as sales that begin,
         *     is not told.
         *
         *     A message's id is the inventory's version. Whoever comes back with `Last-Event-ID`, to whichever replica, goes on behind
         *     that version, nothing left out and nothing twice; with `only=availability` it begins with what is left now in any case.
         *     `resume` is the last message to a reader that was too slow (`too_slow`), or where the store failed (`unavailable`): come
         *     back. Where too many streams are open a browser's EventSource gives up, so try anew after a while.
         */
        get: operations["followEvent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process is alive. */
        get: operations["isAlive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How each part is, and whether this process goes on. Degraded parts catch up by themselves and do not stop requests; with a
         *     part that is down the service should get none.
         */
        get: operations["isReady"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/locations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All locations, by name. */
        get: operations["listLocations"];
        put?: never;
        /** Create a location. */
        post: operations["createLocation"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/locations/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One location. */
        get: operations["getLocation"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change a location. Its coming events follow. */
        patch: operations["changeLocation"];
        trace?: never;
    };
    "/sales": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Seats booked and cancelled in each of the latest hours, over all events
         * @description Where more events were sold than one answer may look at (50,000, counted anew in each hour), the oldest hours are left out.
         *     One answer is reckoned at a time, and serves all who have asked before it was begun.
         */
        get: operations["listSales"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What is left of all events that are still to come, or of those that are named, as it changes (Server-Sent Events).
         * @description Begins with the picture as it is: one or several `snapshot`, the last of which says `is_complete`. Then `availability` for
         *     each event whose seats have changed, the last of several changes at a time; it may tell once more what the picture
         *     already has, so compare `version`. Whoever comes back gets the picture anew. `resume` is the last message, as above, and also
         *     where the service's views were replaced by others (`views_changed`).
         */
        get: operations["followAll"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Users, by last name; `first` and `last` narrow them down, in any letter case. */
        get: operations["listUsers"];
        put?: never;
        /** Register a user. */
        post: operations["registerUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One user, with the latest bookings. */
        get: operations["getUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/users/{id}/bookings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The bookings of a user or a guest, latest first. */
        get: operations["listBookingsOfUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description What is left of an event. */
        AvailabilityReply: {
            /**
             * Format: date-time
             * @description The moment of the past that is told, where one was asked for.
             */
            at?: string | null;
            /** Format: int32 */
            capacity: number;
            event_id: string;
            event_name: string;
            /** Format: int32 */
            max_seats_per_booking?: number | null;
            /** Format: int32 */
            max_seats_per_user?: number | null;
            /**
             * Format: int32
             * @description Seats sold above the capacity, after it was lowered.
             */
            oversubscribed_by: number;
            /** Format: date-time */
            sales_end: string;
            /** Format: date-time */
            sales_start?: string | null;
            /** Format: int32 */
            seats_left: number;
            /** Format: int32 */
            seats_sold: number;
            status: components["schemas"]["SalesStatus"];
            /**
             * Format: int64
             * @description Version of the inventory.
             */
            version: number;
        };
        /** @description A booking. */
        BookingReply: {
            /** Format: date-time */
            cancelled_at?: string | null;
            /**
             * Format: date-time
             * @description When it was booked.
             */
            date: string;
            /** @description True where the event does not take place. */
            event_cancelled: boolean;
            event_id: string;
            event_name: string;
            id: string;
            /** Format: int32 */
            seats: number;
            status: components["schemas"]["BookingStatus"];
            /** @description A user's id. A guest's id is a secret: it is shown to that guest only, others see `guest`. */
            user_id: string;
        };
        /** @enum {string} */
        BookingStatus: "booked" | "cancelled";
        /**
         * @description A location inside a new event. With the id of a known location it refers to that; otherwise it is created, and an id
         *     that is sent is kept as `external_id`.
         */
        EmbeddedLocation: {
            details?: components["schemas"]["NewLocation"] | null;
            id?: string | null;
        };
        /** @description Changes to an event: absent fields stay, null clears optional ones. */
        EventPatch: {
            /** Format: int32 */
            capacity?: number | null;
            description?: string | null;
            /**
             * Format: int32
             * @description Without `end_time` it moves the end.
             */
            duration?: number | null;
            /** Format: date-time */
            end_time?: string | null;
            hall?: string | null;
            image_url?: string | null;
            /** @description Moves the event to another known location. */
            location_id?: string | null;
            /** Format: int32 */
            max_seats_per_booking?: number | null;
            /** Format: int32 */
            max_seats_per_user?: number | null;
            name?: string | null;
            /** Format: date-time */
            sales_end?: string | null;
            /** Format: date-time */
            sales_start?: string | null;
            /** Format: date-time */
            start_time?: string | null;
        };
        /** @description An event. */
        EventReply: {
            bookable: boolean;
            /**
             * Format: int32
             * @description Seats in force.
             */
            capacity?: number | null;
            description?: string | null;
            /**
             * Format: int32
             * @description Minutes, as stated by the organiser.
             */
            duration?: number | null;
            /** Format: date-time */
            end_time: string;
            hall?: string | null;
            id: string;
            image_url?: string | null;
            location?: components["schemas"]["LocationReply"] | null;
            location_id: string;
            /** Format: int32 */
            max_seats_per_booking?: number | null;
            /** Format: int32 */
            max_seats_per_user?: number | null;
            name: string;
            not_bookable_because?: components["schemas"]["NotBookable"] | null;
            organiser?: string | null;
            /**
             * Format: int32
             * @description Seats sold above the capacity, after it was lowered.
             */
            oversubscribed_by?: number;
            /** Format: date-time */
            sales_end: string;
            /** Format: date-time */
            sales_start?: string | null;
            /**
             * Format: int32
             * @description Seats still for sale; null until the booking service has opened the event.
             */
            seats_left?: number | null;
            /** Format: int32 */
            seats_sold: number;
            /** Format: date-time */
            start_time: string;
            /** @description `scheduled`, `cancelled` or `over`. */
            status: components["schemas"]["Status"];
            /**
             * Format: int64
             * @description What `If-Match` compares.
             */
            version: number;
        };
        /** @description A field at fault. */
        FieldError: {
            /** @description The field, with the path to it: `location.halls[0].capacity`. */
            field: string;
            /** @description The rule it breaks. */
            rule: string;
        };
        HallReply: {
            /** Format: int32 */
            capacity: number;
            location: string;
            name: string;
        };
        /** @description Something that happened to an event or to its seats. */
        HistoryReply: (components["schemas"]["SeatsAfter"] | null) & {
            /** @description Who: a user's id, `guest`, or `system`. */
            actor: string;
            facts: Record<string, never>;
            /** @description What happened: `event.changed`, `event.booked`. */
            name: string;
            /** @description `event/<id>` or `inventory/<id>`. */
            stream: string;
            /** Format: date-time */
            time: string;
            /**
             * Format: int64
             * @description Its number in the stream.
             */
            version: number;
        };
        /** @description An hour's sales. */
        HourReply: {
            /**
             * Format: int64
             * @description In bookings made in that hour, whatever became of them.
             */
            seats_booked: number;
            /**
             * Format: int64
             * @description In bookings cancelled in that hour, whenever they were made.
             */
            seats_cancelled: number;
            /**
             * Format: date-time
             * @description When it begins: a full hour in UTC.
             */
            start: string;
        };
        /** @description Changes to a location: absent fields stay, null clears optional ones, `halls` replaces all halls. */
        LocationPatch: {
            address?: string | null;
            /** Format: int32 */
            close_time?: number | null;
            country?: string | null;
            halls?: components["schemas"]["NewHall"][] | null;
            name?: string | null;
            /** Format: int32 */
            open_time?: number | null;
            time_zone?: string | null;
        };
        /** @description A location. */
        LocationReply: {
            address: string;
            /**
             * Format: int32
             * @description Hour of the day, 0 to 24.
             */
            close_time?: number | null;
            country: string;
            /** @description The id under which another system knows it. */
            external_id?: string | null;
            halls: components["schemas"]["HallReply"][];
            id: string;
            name: string;
            /**
             * Format: int32
             * @description Hour of the day, 0 to 24.
             */
            open_time?: number | null;
            /** @description IANA time zone. */
            time_zone: string;
            /**
             * Format: int64
             * @description What `If-Match` compares; absent inside an event.
             */
            version?: number | null;
        };
        /** @description Seats to book. */
        NewBooking: {
            /**
             * Format: int32
             * @description All of them or none. From 1 on; an event may set a limit.
             */
            seats: number;
            /** @description A registered user or a guest; by default whoever X-User-Id names, else a new guest. */
            user_id?: string | null;
        };
        /** @description An event to create. Times are RFC 3339 text or unix seconds; names of fields are read in any letter case. */
        NewEvent: {
            /**
             * Format: int32
             * @description Seats; by default the hall's, else those of all halls.
             */
            capacity?: number | null;
            /** @description Up to 10,000 characters. */
            description?: string | null;
            /**
             * Format: int32
             * @description Minutes. With `end_time` it is informative.
             */
            duration?: number | null;
            /**
             * Format: date-time
             * @description Also read as `end` and `enddate`. Required without `duration`.
             */
            end_time: string;
            /** @description The name of one of the location's halls. */
            hall?: string | null;
            /** @description An http or https URL of up to 2,000 characters. */
            image_url?: string | null;
            location?: components["schemas"]["EmbeddedLocation"] | null;
            /** @description A known location. Either this or `location` is required. */
            location_id?: string | null;
            /** Format: int32 */
            max_seats_per_booking?: number | null;
            /** Format: int32 */
            max_seats_per_user?: number | null;
            /** @description 1 to 200 characters. */
            name: string;
            /** @description Who runs it; by default the user that X-User-Id names. */
            organiser?: string | null;
            /**
             * Format: date-time
             * @description By default the event's start.
             */
            sales_end?: string | null;
            /**
             * Format: date-time
             * @description By default at once.
             */
            sales_start?: string | null;
            /**
             * Format: date-time
             * @description Also read as `start` and `startdate`.
             */
            start_time: string;
        };
        NewHall: {
            /**
             * Format: int32
             * @description 1 to 1,000,000 seats.
             */
            capacity: number;
            /** @description Where in the building; up to 200 characters. */
            location?: string | null;
            /** @description 1 to 200 characters. */
            name: string;
        };
        /** @description A location to create. */
        NewLocation: {
            /** @description Up to 500 characters. */
            address?: string | null;
            /**
             * Format: int32
             * @description Hour of the day, 0 to 24.
             */
            close_time?: number | null;
            /** @description Up to 100 characters. */
            country?: string | null;
            /** @description At most 50, with distinct names. */
            halls?: components["schemas"]["NewHall"][] | null;
            /** @description 1 to 200 characters. */
            name: string;
            /**
             * Format: int32
             * @description Hour of the day, 0 to 24.
             */
            open_time?: number | null;
            /** @description IANA time zone; UTC by default. */
            time_zone?: string | null;
        };
        /** @description A user to register. */
        NewUser: {
            /**
             * Format: int32
             * @description 0 to 150.
             */
            age?: number | null;
            /** @description 1 to 100 characters. */
            first: string;
            /** @description 1 to 100 characters. */
            last: string;
        };
        /**
         * @description Why an event cannot be booked now.
         * @enum {string}
         */
        NotBookable: "cancelled" | "over" | "opening" | "location_unknown" | "capacity_unknown" | "sales_not_started" | "sales_ended" | "sold_out";
        /** @description A page of a list. */
        Page_BookingReply: {
            items: {
                /** Format: date-time */
                cancelled_at?: string | null;
                /**
                 * Format: date-time
                 * @description When it was booked.
                 */
                date: string;
                /** @description True where the event does not take place. */
                event_cancelled: boolean;
                event_id: string;
                event_name: string;
                id: string;
                /** Format: int32 */
                seats: number;
                status: components["schemas"]["BookingStatus"];
                /** @description A user's id. A guest's id is a secret: it is shown to that guest only, others see `guest`. */
                user_id: string;
            }[];
            /** @description What to send as `cursor` for the next page; null on the last. */
            next_cursor?: string | null;
        };
        /** @description A page of a list. */
        Page_EventReply: {
            items: {
                bookable: boolean;
                /**
                 * Format: int32
                 * @description Seats in force.
                 */
                capacity?: number | null;
                description?: string | null;
                /**
                 * Format: int32
                 * @description Minutes, as stated by the organiser.
                 */
                duration?: number | null;
                /** Format: date-time */
                end_time: string;
                hall?: string | null;
                id: string;
                image_url?: string | null;
                location?: components["schemas"]["LocationReply"] | null;
                location_id: string;
                /** Format: int32 */
                max_seats_per_booking?: number | null;
                /** Format: int32 */
                max_seats_per_user?: number | null;
                name: string;
                not_bookable_because?: components["schemas"]["NotBookable"] | null;
                organiser?: string | null;
                /**
                 * Format: int32
                 * @description Seats sold above the capacity, after it was lowered.
                 */
                oversubscribed_by?: number;
                /** Format: date-time */
                sales_end: string;
                /** Format: date-time */
                sales_start?: string | null;
                /**
                 * Format: int32
                 * @description Seats still for sale; null until the booking service has opened the event.
                 */
                seats_left?: number | null;
                /** Format: int32 */
                seats_sold: number;
                /** Format: date-time */
                start_time: string;
                /** @description `scheduled`, `cancelled` or `over`. */
                status: components["schemas"]["Status"];
                /**
                 * Format: int64
                 * @description What `If-Match` compares.
                 */
                version: number;
            }[];
            /** @description What to send as `cursor` for the next page; null on the last. */
            next_cursor?: string | null;
        };
        /** @description A page of a list. */
        Page_HistoryReply: {
            items: ((components["schemas"]["SeatsAfter"] | null) & {
                /** @description Who: a user's id, `guest`, or `system`. */
                actor: string;
                facts: Record<string, never>;
                /** @description What happened: `event.changed`, `event.booked`. */
                name: string;
                /** @description `event/<id>` or `inventory/<id>`. */
                stream: string;
                /** Format: date-time */
                time: string;
                /**
                 * Format: int64
                 * @description Its number in the stream.
                 */
                version: number;
            })[];
            /** @description What to send as `cursor` for the next page; null on the last. */
            next_cursor?: string | null;
        };
        /** @description A page of a list. */
        Page_LocationReply: {
            items: {
                address: string;
                /**
                 * Format: int32
                 * @description Hour of the day, 0 to 24.
                 */
                close_time?: number | null;
                country: string;
                /** @description The id under which another system knows it. */
                external_id?: string | null;
                halls: components["schemas"]["HallReply"][];
                id: string;
                name: string;
                /**
                 * Format: int32
                 * @description Hour of the day, 0 to 24.
                 */
                open_time?: number | null;
                /** @description IANA time zone. */
                time_zone: string;
                /**
                 * Format: int64
                 * @description What `If-Match` compares; absent inside an event.
                 */
                version?: number | null;
            }[];
            /** @description What to send as `cursor` for the next page; null on the last. */
            next_cursor?: string | null;
        };
        /** @description A page of a list. */
        Page_UserReply: {
            items: {
                /** Format: int32 */
                age?: number | null;
                /** @description The latest bookings, at most 20; absent in lists. All are at `/users/{id}/bookings`. */
                bookings?: components["schemas"]["BookingReply"][] | null;
                first: string;
                id: string;
                last: string;
            }[];
            /** @description What to send as `cursor` for the next page; null on the last. */
            next_cursor?: string | null;
        };
        PartHealth: {
            /** @description What is wrong; absent when nothing is. */
            detail?: string | null;
            state: components["schemas"]["State"];
        };
        /** @description A refusal. Serialises as RFC 9457 asks, with the numbers that a client needs as extension members. */
        Problem: Record<string, never> & {
            /** @description What is wrong this time. */
            detail?: string | null;
            /** @description The fields at fault and the rule that each breaks. */
            errors?: components["schemas"]["FieldError"][];
            /** Format: int32 */
            status: number;
            /** @description What kind of problem it is, the same for all of a type. */
            title: string;
            /**
             * @description Stable URI of the kind of problem; `https://myevents.example/problems/<short name>`.
             * @example https://myevents.example/problems/not-enough-seats
             */
            type: string;
        };
        /** @description How a service is: as well as its worst part. */
        Readiness: {
            parts: {
                [key: string]: components["schemas"]["PartHealth"];
            };
            state: components["schemas"]["State"];
        };
        /** @description How sales went, hour by hour. */
        SalesReply: {
            /** @description Oldest first, without a gap up to the hour that is now. */
            items: components["schemas"]["HourReply"][];
        };
        /**
         * @description Whether an event is on sale, and if not, why.
         * @enum {string}
         */
        SalesStatus: "on_sale" | "sold_out" | "not_started" | "ended" | "over" | "cancelled";
        /** @description The seats after it; absent where it is none of the inventory's. */
        SeatsAfter: {
            /** Format: int32 */
            capacity: number;
            /** Format: int32 */
            seats_left: number;
            /** Format: int32 */
            seats_sold: number;
        };
        /** @enum {string} */
        State: "ok" | "degraded" | "down";
        /** @enum {string} */
        Status: "scheduled" | "cancelled" | "over";
        /** @description A user. */
        UserReply: {
            /** Format: int32 */
            age?: number | null;
            /** @description The latest bookings, at most 20; absent in lists. All are at `/users/{id}/bookings`. */
            bookings?: components["schemas"]["BookingReply"][] | null;
            first: string;
            id: string;
            last: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getBooking: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The booking */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BookingReply"];
                };
            };
            /** @description Unknown or malformed */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancelBooking: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Cancelled */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BookingReply"];
                };
            };
            /** @description Unknown or malformed */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description The event has started */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listEvents: {
        parameters: {
            query?: {
                /** @description `open` (default) or `all` */
                status?: string;
                /** @description Starts at or after this time */
                from?: string;
                /** @description Starts before this time */
                to?: string;
                country?: string;
                /** @description Words, or their beginnings, of name, description and place */
                text?: string;
                /** @description Only those that can be booked now, or only the others */
                available?: boolean;
                /** @description 1 to 200, 20 by default */
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_EventReply"];
                };
            };
        };
    };
    createEvent: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key means the same event, for 48 hours */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewEvent"];
            };
        };
        responses: {
            /** @description Created; Location and Consistency-Token in the headers */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventReply"];
                };
            };
            /** @description A field breaks its rule */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getEventById: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The event */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventReply"];
                };
            };
            /** @description Unknown or malformed */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    findEventsByName: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page; empty where there is none */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_EventReply"];
                };
            };
        };
    };
    getEvent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The event */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventReply"];
                };
            };
            /** @description As the client has it */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Unknown or malformed */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeEvent: {
        parameters: {
            query?: never;
            header?: {
                /** @description ETag of the version to change */
                "If-Match"?: string | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EventPatch"];
            };
        };
        responses: {
            /** @description Changed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventReply"];
                };
            };
            /** @description Cancelled */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Changed by somebody else */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field breaks its rule */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getAvailability: {
        parameters: {
            query?: {
                /** @description As it was at this time, or after this version: `2026-12-15T14:00:00Z` or `v17` */
                at?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Seats sold and left */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AvailabilityReply"];
                };
            };
            /** @description Unknown event; a time before it opened; a version that there is not */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `at` breaks its rule */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listBookingsOfEvent: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_BookingReply"];
                };
            };
            /** @description Unknown event */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    bookSeats: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key means the same booking, for 48 hours */
                "Idempotency-Key"?: string | null;
                /** @description Of the reply that created the event */
                "Consistency-Token"?: string | null;
            };
            path: {
                /** @description The event */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewBooking"];
            };
        };
        responses: {
            /** @description Booked */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BookingReply"];
                };
            };
            /** @description Unknown event */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Refused; seats_left says how many are left */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A field breaks its rule */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancelEvent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Cancelled */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EventReply"];
                };
            };
            /** @description Unknown */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getHistory: {
        parameters: {
            query?: {
                /** @description `asc`, oldest first, by default; or `desc` */
                order?: string;
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_HistoryReply"];
                };
            };
            /** @description Unknown event */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A parameter breaks its rule */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    followEvent: {
        parameters: {
            query?: {
                /** @description `availability` */
                only?: string;
                /** @description Like Last-Event-ID, for who cannot send headers */
                after?: number;
            };
            header?: {
                /** @description The id of the last message that was seen */
                "Last-Event-ID"?: number | null;
            };
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Messages, for as long as both sides are there */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description Unknown event */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description A parameter breaks its rule */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many streams are open */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    isAlive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Alive */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    isReady: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Takes requests */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description A part is down, or the process ends */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
        };
    };
    listLocations: {
        parameters: {
            query?: {
                /** @description 1 to 200, 20 by default */
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_LocationReply"];
                };
            };
        };
    };
    createLocation: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewLocation"];
            };
        };
        responses: {
            /** @description Created */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LocationReply"];
                };
            };
            /** @description A field breaks its rule */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getLocation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The location */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LocationReply"];
                };
            };
            /** @description Unknown */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeLocation: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LocationPatch"];
            };
        };
        responses: {
            /** @description Changed */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LocationReply"];
                };
            };
            /** @description Changed by somebody else */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listSales: {
        parameters: {
            query?: {
                /** @description How many, 1 to 168; 24 by default */
                hours?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Sales by hour */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SalesReply"];
                };
            };
            /** @description A parameter breaks its rule */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    followAll: {
        parameters: {
            query?: {
                /** @description Ids of events, separated by commas, at most 200 */
                events?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Messages, for as long as both sides are there */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description A parameter breaks its rule */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description Too many streams are open */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listUsers: {
        parameters: {
            query?: {
                first?: string;
                last?: string;
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_UserReply"];
                };
            };
        };
    };
    registerUser: {
        parameters: {
            query?: never;
            header?: {
                /** @description The same key means the same user, for 48 hours */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewUser"];
            };
        };
        responses: {
            /** @description Registered */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserReply"];
                };
            };
            /** @description A field breaks its rule */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserReply"];
                };
            };
            /** @description Unknown */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listBookingsOfUser: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_BookingReply"];
                };
            };
            /** @description Unknown */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
