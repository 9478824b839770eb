//! `myevents demo`: fills a running platform with something to look at, through its HTTP API.
//!
//! Everything goes out under an idempotency key of the day, so that running it again on that day changes nothing.

mod visitors;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::api::{Api, ApiError, CONSISTENCY_TOKEN, IDEMPOTENCY_KEY};
use crate::interrupt;
use crate::load::report;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  myevents serve                       in one terminal, and in another:
  myevents demo                        fills it
  myevents demo --visitors             and then books now and then, until Ctrl-C
  myevents demo --url http://127.0.0.1:8080

Run again on the same day (UTC) it changes nothing.";

/// Sizes of parties, in sixths of an event's largest one.
const PARTIES: [u32; 6] = [2, 4, 1, 3, 6, 2];

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Where the platform answers
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8181")]
    url: String,
    /// Afterwards let visitors book and cancel now and then, until it is ended
    #[arg(long)]
    visitors: bool,
}

#[derive(Debug, Error)]
pub(crate) enum DemoError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("the calendar: {0}")]
    Calendar(#[from] jiff::Error),
    #[error("signals cannot be handled: {0}")]
    Signals(std::io::Error),
}

struct Venue {
    id: &'static str,
    name: &'static str,
    address: &'static str,
    country: &'static str,
    time_zone: &'static str,
    open: (u8, u8),
    /// Name, where in the building, seats.
    halls: [(&'static str, &'static str, u32); 2],
}

struct Show {
    id: &'static str,
    name: &'static str,
    description: &'static str,
    venue: &'static Venue,
    hall: usize,
    /// From today.
    in_days: i32,
    /// Hour and minute at the venue.
    at: (i8, i8),
    minutes: u32,
    sold: u32,
    largest_party: u32,
    special: Special,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Special {
    Nothing,
    /// Seats that a booking, and a user, may have.
    Limited(u32),
    /// Sales open in so many days.
    SalesOpenIn(i32),
    Cancelled,
}

const LINDENHOF: Venue = Venue {
    id: "demo-lindenhof",
    name: "Lindenhof Konzerthaus",
    address: "Lindenhofallee 12, 10969 Berlin",
    country: "Germany",
    time_zone: "Europe/Berlin",
    open: (10, 24),
    halls: [
        ("Großer Saal", "ground floor", 1_200),
        ("Kammersaal", "second floor, east wing", 180),
    ],
};
const HARBOUR: Venue = Venue {
    id: "demo-harbour-lights",
    name: "Harbour Lights Arena",
    address: "4 Old Pier Road, Southampton SO14 9ZZ",
    country: "United Kingdom",
    time_zone: "Europe/London",
    open: (9, 23),
    halls: [("Arena", "main building", 9_500), ("Studio", "north gate", 240)],
};
const KOYO: Venue = Venue {
    id: "demo-koyo",
    name: "Koyo Dome",
    address: "2-7-1 Minato-machi, Osaka 552-0099",
    country: "Japan",
    time_zone: "Asia/Tokyo",
    open: (8, 22),
    halls: [
        ("Main Field", "gates 1 to 24", 38_000),
        ("Club Room", "gate 3, level 5", 90),
    ],
};
const MESA: Venue = Venue {
    id: "demo-mesa-alta",
    name: "Mesa Alta Playhouse",
    address: "310 Juniper Street, Santa Fe, NM 87501",
    country: "United States",
    time_zone: "America/Denver",
    open: (11, 23),
    halls: [("Main Stage", "ground floor", 640), ("Black Box", "basement", 60)],
};

const SHOWS: [Show; 10] = [
    Show {
        id: "open-mic",
        name: "Open Mic and Loud Guitars",
        description: "Five local bands, twenty minutes each, and an open stage afterwards. Bring ear plugs.",
        venue: &HARBOUR,
        hall: 1,
        in_days: 8,
        at: (19, 30),
        minutes: 180,
        sold: 96,
        largest_party: 6,
        special: Special::Nothing,
    },
    Show {
        id: "candlelight",
        name: "Baroque by Candlelight",
        description: "A string quartet plays suites and sonatas on gut strings, lit by three hundred candles. \
            Please be seated ten minutes before the start.",
        venue: &LINDENHOF,
        hall: 1,
        in_days: 12,
        at: (20, 0),
        minutes: 110,
        sold: 177,
        largest_party: 6,
        special: Special::Nothing,
    },
    Show {
        id: "two-chairs",
        name: "Two Chairs, One Table",
        description: "A chamber play for two actors in the round. Sixty seats, no interval, no late admission.",
        venue: &MESA,
        hall: 1,
        in_days: 15,
        at: (19, 0),
        minutes: 85,
        sold: 22,
        largest_party: 4,
        special: Special::Limited(4),
    },
    Show {
        id: "harbour-rovers",
        name: "Handball: Harbour City vs Northern Rovers",
        description: "The derby of the season. Families sit in block F; doors open ninety minutes before.",
        venue: &HARBOUR,
        hall: 0,
        in_days: 19,
        at: (17, 45),
        minutes: 120,
        sold: 4_350,
        largest_party: 180,
        special: Special::Nothing,
    },
    Show {
        id: "improv",
        name: "Improv Marathon: Twelve Hours on Stage",
        description: "One troupe, no script, half a day. Come and go as you please.",
        venue: &MESA,
        hall: 0,
        in_days: 22,
        at: (11, 0),
        minutes: 720,
        sold: 48,
        largest_party: 6,
        special: Special::Cancelled,
    },
    Show {
        id: "great-fifths",
        name: "Symphony Night: The Great Fifths",
        description: "Three famous fifth symphonies in one evening, with two intervals and an introduction at 18:30.",
        venue: &LINDENHOF,
        hall: 0,
        in_days: 26,
        at: (19, 0),
        minutes: 210,
        sold: 610,
        largest_party: 30,
        special: Special::Nothing,
    },
    Show {
        id: "lighthouse",
        name: "The Lighthouse Keeper's Daughter",
        description: "A new play about storms, letters and a lamp that must not go out. From twelve years on.",
        venue: &MESA,
        hall: 0,
        in_days: 33,
        at: (19, 30),
        minutes: 140,
        sold: 205,
        largest_party: 12,
        special: Special::Nothing,
    },
    Show {
        id: "koyo-cup",
        name: "Koyo Cup: Semi-final",
        description: "Football under the closed roof. Bags larger than A4 stay at gate 9.",
        venue: &KOYO,
        hall: 0,
        in_days: 40,
        at: (18, 0),
        minutes: 135,
        sold: 31_200,
        largest_party: 900,
        special: Special::Nothing,
    },
    Show {
        id: "bamboo-flute",
        name: "Tea and Bamboo Flute",
        description: "An afternoon of tea, sweets and quiet music with a view of the bay.",
        venue: &KOYO,
        hall: 1,
        in_days: 54,
        at: (14, 0),
        minutes: 100,
        sold: 0,
        largest_party: 2,
        special: Special::Nothing,
    },
    Show {
        id: "thousand-drums",
        name: "Night of a Thousand Drums",
        description: "Forty drum groups from all over the country, and everyone together at the end.",
        venue: &KOYO,
        hall: 0,
        in_days: 75,
        at: (19, 0),
        minutes: 180,
        sold: 0,
        largest_party: 6,
        special: Special::SalesOpenIn(21),
    },
];

#[derive(Deserialize)]
struct Created {
    id: String,
}

#[derive(Deserialize)]
struct Availability {
    capacity: u32,
    seats_left: u32,
    status: String,
}

pub(crate) async fn run(options: Options) -> Result<(), DemoError> {
    let api = Api::open(&options.url, 1)?;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let requests: usize = SHOWS.iter().map(|show| 1 + parties(show).len()).sum();
    let bar = report::counting_bar(requests as u64, "filling");
    let mut rows = vec![["EVENT", "WHEN (THERE)", "WHERE", "SEATS LEFT", "URL"].map(str::to_owned)];
    let mut on_sale = Vec::new();
    for show in &SHOWS {
        let (event, row) = put_on(&api, show, today, || bar.inc(1)).await?;
        rows.push(row);
        if matches!(show.special, Special::Nothing | Special::Limited(_)) {
            on_sale.push(event);
        }
    }
    bar.finish_and_clear();
    output::print(&output::table(&rows));
    if !options.visitors {
        return Ok(());
    }
    output::print("Visitors come and book now. Ctrl-C ends it.");
    let stop = interrupt::token().map_err(DemoError::Signals)?;
    visitors::come(&api, &on_sale, &stop).await
}

/// Creates one event with its bookings. Returns its id, and what to print.
async fn put_on(api: &Api, show: &Show, today: Date, progress: impl Fn()) -> Result<(String, [String; 5]), DemoError> {
    let key = format!("demo-{today}-{}", show.id);
    let start = on_day(show.venue, today, show.in_days, show.at)?;
    let headers = [(IDEMPOTENCY_KEY, key.as_str())];
    let (event, token): (Created, _) = api.post("/events", &headers, &body(show, today, &start)?).await?;
    progress();
    let mut token = token.unwrap_or_default();
    api.wait_until_open(&event.id, &token).await?;
    for (number, seats) in parties(show).into_iter().enumerate() {
        token = book(api, &event.id, &format!("{key}-{number}"), &token, seats).await?;
        progress();
    }
    if show.special == Special::Cancelled {
        let path = format!("/events/{}/cancel", event.id);
        let _: (Created, _) = api.post(&path, &headers, &json!({})).await?;
    }
    let row = [
        show.name.to_owned(),
        start.strftime("%a %d %b %Y, %H:%M").to_string(),
        format!("{}, {}", show.venue.name, show.venue.country),
        seats_left(api, show, &event.id, &token).await?,
        api.url_of(&format!("/events/{}", event.id)),
    ];
    Ok((event.id, row))
}

/// Returns the token of the booking, to see it by.
async fn book(api: &Api, event: &str, key: &str, token: &str, seats: u32) -> Result<String, DemoError> {
    let headers = [(IDEMPOTENCY_KEY, key), (CONSISTENCY_TOKEN, token)];
    let path = format!("/events/{event}/bookings");
    let (_, token): (Created, _) = api.post(&path, &headers, &json!({ "seats": seats })).await?;
    Ok(token.unwrap_or_default())
}

async fn seats_left(api: &Api, show: &Show, event: &str, token: &str) -> Result<String, DemoError> {
    let path = format!("/events/{event}/availability");
    let found: Availability = api.get(&path, &[(CONSISTENCY_TOKEN, token)]).await?;
    let left = format!("{} of {}", found.seats_left, found.capacity);
    Ok(match show.special {
        Special::Cancelled => "cancelled".to_owned(),
        Special::SalesOpenIn(days) => format!("{left}, on sale in {days} days"),
        _ if found.status == "sold_out" => "sold out".to_owned(),
        _ => left,
    })
}

fn body(show: &Show, today: Date, start: &Zoned) -> Result<Value, DemoError> {
    let mut body = json!({
        "name": show.name,
        "description": show.description,
        "start_time": start.timestamp().to_string(),
        "duration": show.minutes,
        "location": location(show.venue),
        "hall": show.venue.halls[show.hall].0,
    });
    match show.special {
        Special::Limited(seats) => {
            body["max_seats_per_booking"] = json!(seats);
            body["max_seats_per_user"] = json!(seats);
        }
        Special::SalesOpenIn(days) => {
            let opens = on_day(show.venue, today, days, (10, 0))?;
            body["sales_start"] = json!(opens.timestamp().to_string());
        }
        Special::Nothing | Special::Cancelled => {}
    }
    Ok(body)
}

/// Known again by its id and name, on whatever day.
fn location(venue: &Venue) -> Value {
    let halls = venue
        .halls
        .iter()
        .map(|(name, location, capacity)| json!({"name": name, "location": location, "capacity": capacity}));
    json!({
        "id": venue.id,
        "name": venue.name,
        "address": venue.address,
        "country": venue.country,
        "time_zone": venue.time_zone,
        "open_time": venue.open.0,
        "close_time": venue.open.1,
        "halls": halls.collect::<Vec<_>>(),
    })
}

fn on_day(venue: &Venue, today: Date, days: i32, (hour, minute): (i8, i8)) -> Result<Zoned, DemoError> {
    let day = today.checked_add(days.days())?;
    Ok(day.at(hour, minute, 0, 0).in_tz(venue.time_zone)?)
}

/// The seats that are sold, cut into parties.
fn parties(show: &Show) -> Vec<u32> {
    let mut left = show.sold;
    let mut parties = Vec::new();
    for sixths in PARTIES.iter().cycle() {
        if left == 0 {
            break;
        }
        let seats = (show.largest_party * sixths / 6).clamp(1, left);
        parties.push(seats);
        left -= seats;
    }
    parties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_add_up_and_keep_to_the_limits() {
        for show in &SHOWS {
            let parties = parties(show);
            assert_eq!(parties.iter().sum::<u32>(), show.sold, "{}", show.name);
            assert!(
                parties.iter().all(|seats| (1..=show.largest_party).contains(seats)),
                "{}",
                show.name
            );
            assert!(show.sold <= show.venue.halls[show.hall].2, "{}", show.name);
        }
    }
}
