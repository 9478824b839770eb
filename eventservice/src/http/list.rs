//! Lists of events: what is asked for, and how it is found through the view's indexes.

use actix_web::HttpRequest;
use chassis::http::Problem;
use chassis::http::form::{self, Form, Reading};
use chassis::http::paging::{Page, PageRequest, query_of};
use jiff::Timestamp;
use persistence::{Bound, Cursor, Query, StoreError};
use serde_json::{Value, json};

use super::EventApi;
use super::replies::EventReply;
use crate::domain::event::LONGEST;
use crate::views::events::{
    ALL, ALL_IN_COUNTRY, BY_NAME, COLLECTION, EventDocument, LISTED, LISTED_IN_COUNTRY, Length, SHORT,
};

/// Documents read at a time, so that a filter that few pass does not take a search for each.
const FEWEST_READ: usize = 100;
/// Documents looked at for one page; a page may be shorter than asked for, and the next goes on from there.
const MOST_LOOKED_AT: usize = 2_000;
/// Matches of a text that are sorted and paged; more words narrow it down.
const MOST_MATCHES: usize = 1_000;

/// What a list of events is asked for.
pub(super) struct EventSearch {
    all: bool,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    country: Option<String>,
    text: Option<String>,
    available: Option<bool>,
    page: PageRequest,
}

impl EventSearch {
    pub(super) fn read(http: &HttpRequest) -> Result<Self, Problem> {
        let mut form = Form::from_query(&query_of(http));
        let search = Self {
            all: form.optional(&["status"], read_status).unwrap_or(false),
            from: form.optional(&["from"], form::time),
            to: form.optional(&["to"], form::time),
            country: form
                .optional(&["country"], form::line(1, 100))
                .map(|country| country.to_lowercase()),
            text: form.optional(&["text", "q"], form::line(1, 200)),
            available: form.optional(&["available"], form::boolean_in_text),
            page: PageRequest::read(&mut form),
        };
        let of_this_list = |cursor: &Cursor| matches!(&cursor.values[..], [start] if start.is_i64());
        if !search.page.after.as_ref().is_none_or(of_this_list) {
            form.fault("cursor", "must be a next_cursor of an earlier page of this list");
        }
        form.finish().map_err(Problem::invalid)?;
        Ok(search)
    }

    /// Whether an event comes behind the page before.
    fn is_ahead(&self, listed: &Listed) -> bool {
        let start = |cursor: &Cursor| cursor.values.first().and_then(Value::as_i64).unwrap_or_default();
        self.page
            .after
            .as_ref()
            .is_none_or(|cursor| sort_key(listed) > (start(cursor), cursor.id.clone()))
    }

    /// What the indexes cannot tell.
    fn wants(&self, document: &EventDocument, now: Timestamp) -> bool {
        let Some(details) = &document.details else { return false };
        let country = details
            .location
            .as_ref()
            .map(|location| location.country.to_lowercase());
        let bookable = document.not_bookable(now).is_none();
        (self.all || !document.cancelled && details.end_time > now)
            && self.from.is_none_or(|from| details.start_time >= from)
            && self.to.is_none_or(|to| details.start_time < to)
            && (self.country.is_none() || self.country == country)
            && self.available.is_none_or(|available| available == bookable)
    }
}

fn read_status(value: &Value) -> Reading<bool> {
    match value.as_str() {
        Some("all") => Ok(true),
        Some("open") => Ok(false),
        _ => Err("must be open or all".to_owned()),
    }
}

/// The page of events that a search asks for, by start.
pub(super) async fn find(api: &EventApi, search: &EventSearch) -> Result<Page<EventReply>, Problem> {
    match &search.text {
        Some(text) => find_by_text(api, search, text).await,
        None => find_by_index(api, search).await,
    }
}

/// An event with its place in the list.
type Listed = (String, EventDocument);

async fn find_by_index(api: &EventApi, search: &EventSearch) -> Result<Page<EventReply>, Problem> {
    let now = api.clock.now();
    let mut items = Vec::new();
    let mut looked_at = 0;
    let mut at = search.page.after.clone();
    loop {
        let (found, more) = next_by_start(api, search, at.as_ref(), now).await?;
        for listed in found {
            if search.wants(&listed.1, now) {
                if items.len() == search.page.limit {
                    return Ok(Page::new(items, at.as_ref()));
                }
                items.extend(EventReply::of(&listed.1, now));
            }
            at = Some(place_of(&listed));
            looked_at += 1;
        }
        if !more {
            return Ok(Page::new(items, None));
        }
        if looked_at >= MOST_LOOKED_AT {
            return Ok(Page::new(items, at.as_ref()));
        }
    }
}

/// The next events by start from all lanes, and whether there may be more behind them.
async fn next_by_start(
    api: &EventApi,
    search: &EventSearch,
    after: Option<&Cursor>,
    now: Timestamp,
) -> Result<(Vec<Listed>, bool), StoreError> {
    let mut found: Vec<Listed> = Vec::new();
    // Behind the last event of a lane that has more, other lanes' events have to wait.
    let mut horizon: Option<SortKey> = None;
    for mut query in lanes(search, now) {
        query.after = after.map(|cursor| in_lane(&query, cursor));
        let (lane, next) = api.views.find(COLLECTION, query).await?;
        if let Some(last) = lane.last().filter(|_| next.is_some()).map(sort_key) {
            horizon = Some(horizon.map_or(last.clone(), |horizon| horizon.min(last)));
        }
        found.extend(lane);
    }
    found.sort_by_cached_key(sort_key);
    if let Some(horizon) = &horizon {
        found.retain(|listed| sort_key(listed) <= *horizon);
    }
    Ok((found, horizon.is_some()))
}

/// The index ranges that together hold everything asked for, each sorted by start.
fn lanes(search: &EventSearch, now: Timestamp) -> Vec<Query> {
    let country = search.country.as_ref().map(|country| json!(country));
    let lane = |index, mut equals: Vec<Value>, from: Option<Timestamp>| {
        equals.splice(0..0, country.clone().filter(|_| index != ALL));
        Query {
            equals,
            lower: from.map(|from| bound(from, true)),
            upper: search.to.map(|to| bound(to, false)),
            ..Query::all(index, (search.page.limit + 1).max(FEWEST_READ))
        }
    };
    if search.all {
        return vec![match &country {
            None => lane(ALL, vec![json!(true)], search.from),
            Some(_) => lane(ALL_IN_COUNTRY, Vec::new(), search.from),
        }];
    }
    let index = if country.is_some() { LISTED_IN_COUNTRY } else { LISTED };
    // Whatever began longer ago than it can last is over.
    [(Length::Short, SHORT), (Length::Long, LONGEST)]
        .map(|(length, longest)| {
            let began = now.checked_sub(longest).unwrap_or(now);
            lane(
                index,
                vec![json!(length)],
                Some(search.from.map_or(began, |from| from.max(began))),
            )
        })
        .into()
}

fn bound(time: Timestamp, inclusive: bool) -> Bound {
    Bound {
        value: json!(time.as_millisecond()),
        inclusive,
    }
}

/// A list's cursor, which holds only the start, as a place in a lane's index.
fn in_lane(query: &Query, cursor: &Cursor) -> Cursor {
    let values = query.equals.iter().chain(&cursor.values).cloned();
    Cursor {
        values: values.collect(),
        id: cursor.id.clone(),
    }
}

type SortKey = (i64, String);

fn sort_key((id, document): &Listed) -> SortKey {
    (document.start_ms.unwrap_or_default(), id.clone())
}

fn place_of(listed: &Listed) -> Cursor {
    let (start, id) = sort_key(listed);
    Cursor {
        values: vec![json!(start)],
        id,
    }
}

async fn find_by_text(api: &EventApi, search: &EventSearch, text: &str) -> Result<Page<EventReply>, Problem> {
    let now = api.clock.now();
    let collection = api.views.collection(COLLECTION);
    let ids = api.search.find(&collection, text, MOST_MATCHES).await?;
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut found: Vec<Listed> = api.views.get_many(COLLECTION, &ids).await?;
    found.retain(|listed| search.is_ahead(listed) && search.wants(&listed.1, now));
    found.sort_by_cached_key(sort_key);
    let more = found.len() > search.page.limit;
    found.truncate(search.page.limit);
    let next = found.last().filter(|_| more).map(place_of);
    let items = found
        .iter()
        .filter_map(|(_, document)| EventReply::of(document, now))
        .collect();
    Ok(Page::new(items, next.as_ref()))
}

/// Events of a name, in any letter case, cancelled ones and past ones included.
pub(super) async fn find_by_name(api: &EventApi, name: &str, page: PageRequest) -> Result<Page<EventReply>, Problem> {
    let now = api.clock.now();
    let mut query = page.query(BY_NAME);
    query.equals = vec![json!(name.to_lowercase())];
    let (found, next) = api.views.find(COLLECTION, query).await?;
    let items = found
        .iter()
        .filter_map(|(_, document)| EventReply::of(document, now))
        .collect();
    Ok(Page::new(items, next.as_ref()))
}
