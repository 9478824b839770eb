//! What comes from outside, in request bodies and in messages of other programs: its fields, other spellings and bounds.
//! A value that comes out of here keeps its own rule; rules between fields are the domain's.

use chassis::http::form::{self, Form, Reading};
use contracts::{EventDetails, Hall, LocationDetails};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::Patch;
use crate::domain::event::{EventChange, end_after};
use crate::domain::location::LocationChange;

const MAX_SEATS: u32 = 1_000_000;
const MAX_HALLS: usize = 50;
/// 366 days.
const MAX_MINUTES: u32 = 366 * 24 * 60;

const START: &[&str] = &["start_time", "start", "startdate"];
const END: &[&str] = &["end_time", "end", "enddate"];

/// An event to create. Times are RFC 3339 text or unix seconds; names of fields are read in any letter case.
#[derive(Debug, Clone, Default, ToSchema)]
pub(crate) struct NewEvent {
    /// 1 to 200 characters.
    pub(crate) name: String,
    /// Up to 10,000 characters.
    pub(crate) description: Option<String>,
    /// An http or https URL of up to 2,000 characters.
    pub(crate) image_url: Option<String>,
    /// Who runs it; by default the user that X-User-Id names.
    pub(crate) organiser: Option<String>,
    /// Also read as `start` and `startdate`.
    pub(crate) start_time: Timestamp,
    /// Also read as `end` and `enddate`. Required without `duration`.
    pub(crate) end_time: Timestamp,
    /// Minutes. With `end_time` it is informative.
    pub(crate) duration: Option<u32>,
    /// A known location. Either this or `location` is required.
    pub(crate) location_id: Option<String>,
    /// A location to create with the event, or one that is known by its id.
    pub(crate) location: Option<EmbeddedLocation>,
    /// The name of one of the location's halls.
    pub(crate) hall: Option<String>,
    /// Seats; by default the hall's, else those of all halls.
    pub(crate) capacity: Option<u32>,
    pub(crate) max_seats_per_booking: Option<u32>,
    pub(crate) max_seats_per_user: Option<u32>,
    /// By default at once.
    pub(crate) sales_start: Option<Timestamp>,
    /// By default the event's start.
    pub(crate) sales_end: Option<Timestamp>,
}

/// A location inside a new event. With the id of a known location it refers to that; otherwise it is created, and an id
/// that is sent is kept as `external_id`.
#[derive(Debug, Clone, ToSchema)]
pub(crate) struct EmbeddedLocation {
    pub(crate) id: Option<String>,
    /// Absent where only an id was sent.
    #[schema(value_type = Option<NewLocation>)]
    pub(crate) details: Option<LocationDetails>,
}

/// A location to create.
#[derive(Debug, Clone, ToSchema)]
#[expect(
    dead_code,
    reason = "describes in OpenAPI what is read straight into contracts::LocationDetails"
)]
pub(crate) struct NewLocation {
    /// 1 to 200 characters.
    name: String,
    /// Up to 500 characters.
    address: Option<String>,
    /// Up to 100 characters.
    country: Option<String>,
    /// Hour of the day, 0 to 24.
    #[schema(maximum = 24)]
    open_time: Option<u8>,
    /// Hour of the day, 0 to 24.
    #[schema(maximum = 24)]
    close_time: Option<u8>,
    /// IANA time zone; UTC by default.
    time_zone: Option<String>,
    /// At most 50, with distinct names.
    halls: Option<Vec<NewHall>>,
}

#[derive(Debug, Clone, ToSchema)]
#[expect(
    dead_code,
    reason = "describes in OpenAPI what is read straight into contracts::Hall"
)]
pub(crate) struct NewHall {
    /// 1 to 200 characters.
    name: String,
    /// Where in the building; up to 200 characters.
    location: Option<String>,
    /// 1 to 1,000,000 seats.
    #[schema(minimum = 1, maximum = 1_000_000)]
    capacity: u32,
}

impl NewEvent {
    /// `None` where the form has faults.
    pub(crate) fn read(form: &mut Form) -> Option<Self> {
        if !form.has(&["location"]) && !form.has(&["location_id"]) {
            form.fault("location", "is required where location_id is not stated");
        }
        let location_id = form.optional(&["location_id"], form::id);
        let location = form.object(&["location"], EmbeddedLocation::read);
        Some(Self {
            location_id,
            location,
            ..Self::read_without_place(form)?
        })
    }

    fn read_without_place(form: &mut Form) -> Option<Self> {
        let name = form.required(&["name"], form::line(1, 200));
        let start_time = form.required(START, form::time);
        let lasts = form.has(&["duration"]);
        let duration = form.optional(&["duration"], form::integer(1, MAX_MINUTES));
        let end_time = if lasts {
            read_end(form, start_time, duration)
        } else {
            form.required(END, form::time)
        };
        let event = Self {
            description: form.optional(&["description"], form::text(0, 10_000)),
            image_url: form.optional(&["image_url"], url),
            organiser: form.optional(&["organiser", "organizer"], organiser),
            duration,
            location_id: None,
            location: None,
            hall: form.optional(&["hall"], form::line(1, 200)),
            capacity: form.optional(&["capacity"], form::integer(1, MAX_SEATS)),
            max_seats_per_booking: form.optional(&["max_seats_per_booking"], form::integer(1, MAX_SEATS)),
            max_seats_per_user: form.optional(&["max_seats_per_user"], form::integer(1, MAX_SEATS)),
            sales_start: form.optional(&["sales_start"], form::time),
            sales_end: form.optional(&["sales_end"], form::time),
            name: name?,
            start_time: start_time?,
            end_time: end_time?,
        };
        Some(event)
    }

    /// The event's details, still without its location.
    pub(crate) fn into_details(self, id: String) -> EventDetails {
        EventDetails {
            id,
            name: self.name,
            description: self.description,
            image_url: self.image_url,
            organiser: self.organiser,
            start_time: self.start_time,
            end_time: self.end_time,
            duration: self.duration,
            location_id: String::new(),
            location: None,
            location_version: None,
            hall: self.hall,
            own_capacity: self.capacity,
            capacity: None,
            max_seats_per_booking: self.max_seats_per_booking,
            max_seats_per_user: self.max_seats_per_user,
            sales_start: self.sales_start,
            sales_end: self.sales_end,
        }
    }
}

/// An event of which another program tells, still without its location. What it names as its location may be nothing
/// that a location can be called: the original service writes the bytes of an id as if they were text.
pub(crate) fn read_foreign_event(form: &mut Form) -> Option<EventDetails> {
    let id = form.required(&["id"], foreign_id);
    let location_id = form.optional(&["location_id"], |value| Ok(foreign_id(value).unwrap_or_default()));
    let mut details = NewEvent::read_without_place(form)?.into_details(id?);
    details.location_id = location_id.unwrap_or_default();
    Some(details)
}

/// A location of which another program tells.
pub(crate) fn read_foreign_location(form: &mut Form) -> Option<LocationDetails> {
    let id = form.required(&["id"], foreign_id);
    let mut details = read_location(form)?;
    details.id = id?;
    Some(details)
}

/// One that can stand in a path and in a list, because ours are asked for by it.
fn foreign_id(value: &Value) -> Reading<String> {
    let id = form::id(value)?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !id.bytes().all(is_plain) {
        return Err("must be letters, digits, `-` and `_`".to_owned());
    }
    Ok(id)
}

/// The end as stated, else by the duration.
fn read_end(form: &mut Form, start: Option<Timestamp>, duration: Option<u32>) -> Option<Timestamp> {
    if form.has(END) {
        return form.required(END, form::time);
    }
    let end = end_after(start?, duration?);
    if end.is_none() {
        form.fault("end_time", "must be before the year 10000");
    }
    end
}

impl EmbeddedLocation {
    fn read(form: &mut Form) -> Option<Self> {
        let id = form.optional(&["id"], form::id);
        if id.is_some() && !form.has(&["name"]) {
            return Some(Self { id, details: None });
        }
        let details = read_location(form)?;
        Some(Self {
            id,
            details: Some(details),
        })
    }
}

/// The details of a location, without its id. `None` where the form has faults.
pub(crate) fn read_location(form: &mut Form) -> Option<LocationDetails> {
    let name = form.required(&["name"], form::line(1, 200));
    let details = LocationDetails {
        id: String::new(),
        external_id: form.optional(&["external_id"], form::id),
        address: form.optional(&["address"], form::line(0, 500)).unwrap_or_default(),
        country: form.optional(&["country"], form::line(0, 100)).unwrap_or_default(),
        open_time: form.optional(&["open_time"], hour),
        close_time: form.optional(&["close_time"], hour),
        time_zone: form
            .optional(&["time_zone"], time_zone)
            .unwrap_or_else(|| "UTC".to_owned()),
        halls: form.objects(&["halls"], MAX_HALLS, read_hall).unwrap_or_default(),
        name: name?,
    };
    Some(details)
}

fn read_hall(form: &mut Form) -> Option<Hall> {
    let name = form.required(&["name"], form::line(1, 200));
    let capacity = form.required(&["capacity"], form::integer(1, MAX_SEATS));
    Some(Hall {
        location: form.optional(&["location"], form::line(0, 200)).unwrap_or_default(),
        name: name?,
        capacity: capacity?,
    })
}

/// Changes to an event: absent fields stay, null clears optional ones.
#[derive(Debug, Default, ToSchema)]
#[expect(
    dead_code,
    reason = "describes in OpenAPI what is read straight into the domain's EventChange"
)]
pub(crate) struct EventPatch {
    name: Option<String>,
    description: Option<String>,
    image_url: Option<String>,
    start_time: Option<Timestamp>,
    end_time: Option<Timestamp>,
    /// Without `end_time` it moves the end.
    duration: Option<u32>,
    /// Moves the event to another known location.
    location_id: Option<String>,
    hall: Option<String>,
    capacity: Option<u32>,
    max_seats_per_booking: Option<u32>,
    max_seats_per_user: Option<u32>,
    sales_start: Option<Timestamp>,
    sales_end: Option<Timestamp>,
}

/// The change, and the id of the location to move to.
pub(crate) fn read_event_change(form: &mut Form) -> (EventChange, Option<String>) {
    let change = EventChange {
        name: set(form, &["name"], form::line(1, 200)),
        description: form.patched(&["description"], form::text(0, 10_000)),
        image_url: form.patched(&["image_url"], url),
        start_time: set(form, START, form::time),
        end_time: set(form, END, form::time),
        duration: form.patched(&["duration"], form::integer(1, MAX_MINUTES)),
        place: None,
        hall: form.patched(&["hall"], form::line(1, 200)),
        capacity: seats(form, "capacity"),
        max_seats_per_booking: seats(form, "max_seats_per_booking"),
        max_seats_per_user: seats(form, "max_seats_per_user"),
        sales_start: form.patched(&["sales_start"], form::time),
        sales_end: form.patched(&["sales_end"], form::time),
    };
    (change, set(form, &["location_id"], form::id))
}

/// Changes to a location: absent fields stay, null clears optional ones, `halls` replaces all halls.
#[derive(Debug, Default, ToSchema)]
#[expect(
    dead_code,
    reason = "describes in OpenAPI what is read straight into the domain's LocationChange"
)]
pub(crate) struct LocationPatch {
    name: Option<String>,
    address: Option<String>,
    country: Option<String>,
    open_time: Option<u8>,
    close_time: Option<u8>,
    time_zone: Option<String>,
    halls: Option<Vec<NewHall>>,
}

pub(crate) fn read_location_change(form: &mut Form) -> LocationChange {
    LocationChange {
        name: set(form, &["name"], form::line(1, 200)),
        address: set(form, &["address"], form::line(0, 500)),
        country: set(form, &["country"], form::line(0, 100)),
        open_time: form.patched(&["open_time"], hour),
        close_time: form.patched(&["close_time"], hour),
        time_zone: set(form, &["time_zone"], time_zone),
        halls: form.objects(&["halls"], MAX_HALLS, read_hall),
    }
}

/// A field that can be changed but not cleared.
fn set<T>(form: &mut Form, names: &[&str], read: impl FnOnce(&Value) -> Reading<T>) -> Option<T> {
    let change = form.patched(names, read);
    if matches!(change, Some(None)) {
        form.fault(names[0], "must not be null");
    }
    change.flatten()
}

fn seats(form: &mut Form, name: &str) -> Patch<u32> {
    form.patched(&[name], form::integer(1, MAX_SEATS))
}

fn hour(value: &Value) -> Reading<u8> {
    let hour = form::integer(0, 24)(value)?;
    u8::try_from(hour).map_err(|error| error.to_string())
}

fn time_zone(value: &Value) -> Reading<String> {
    let name = form::line(1, 64)(value)?;
    match TimeZone::get(&name) {
        Ok(_) => Ok(name),
        Err(_) => Err("must be an IANA time zone such as Europe/Berlin".to_owned()),
    }
}

/// Who organises: a name, or the id of a user.
fn organiser(value: &Value) -> Reading<String> {
    match value {
        Value::Number(_) => form::id(value),
        _ => form::line(1, 200)(value),
    }
}

fn url(value: &Value) -> Reading<String> {
    let url = form::line(1, 2_000)(value)?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let has_host = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    if !has_host || url.contains(char::is_whitespace) {
        return Err("must be an http or https URL".to_owned());
    }
    Ok(url)
}
