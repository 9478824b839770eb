//! Lists of events: what is asked for, and how it is found through the view's indexes.

use actix_web::HttpRequest;
use chassis::http::Problem;
use chassis::http::form::{self, Form, Reading};
use chassis::http::paging::{Page, PageRequest, query_of};
use jiff::Timestamp;
use persistence::{Bound, Cursor, Document, Query, StoreError};
use serde_json::{Value, json};

use super::EventApi;
use super::replies::EventReply;
use crate::domain::event::LONGEST;
use crate::views::events::{
    ALL, ALL_IN_COUNTRY, BY_NAME, COLLECTION, EventDocument, LISTED, LISTED_IN_COUNTRY, Length, SHORT,
};

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
            country: form.optional(&["country"], form::line(1, 100)).map(|country| country.to_lowercase()),
            text: form.optional(&["text", "q"], form::line(1, 200)),
            available: form.optional(&["available"], form::boolean_in_text),
            page: PageRequest::read(&mut form),
        };
        if search.page.after.as_ref().is_some_and(|cursor| cursor.values.len() != 1) {
            form.fault("cursor", "must be a next_cursor of an earlier page of this list");
        }
        form.finish().map_err(Problem::invalid)?;
        Ok(search)
    }

    /// What the indexes cannot tell.
    fn wants(&self, document: &EventDocument, now: Timestamp) -> bool {
        let Some(details) = &document.details else { return false };
        let country = details.location.as_ref().map(|location| location.country.to_lowercase());
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

pub(super) fn read_page(http: &HttpRequest) -> Result<PageRequest, Problem> {
    let mut form = Form::from_query(&query_of(http));
    let page = PageRequest::read(&mut form);
    form.finish().map_err(Problem::invalid)?;
    Ok(page)
}

/// The page of events that a search asks for, by start.
pub(super) async fn find(api: &EventApi, search: &EventSearch) -> Result<Page<EventReply>, Problem> {
    match &search.text {
        Some(text) => find_by_text(api, search, text).await,
        None => find_by_index(api, search).await,
    }
}

async fn find_by_index(api: &EventApi, search: &EventSearch) -> Result<Page<EventReply>, Problem> {
    let now = api.clock.now();
    let mut items = Vec::new();
    let mut looked_at = 0;
    let mut at = search.page.after.clone();
    loop {
        let (found, more) = next_by_start(api, search, at.as_ref(), now).await?;
        for document in found {
            let place = place_of(&document);
            let document = read(document.body)?;
            if search.wants(&document, now) {
                if items.len() == search.page.limit {
                    return Ok(Page::new(items, at.as_ref()));
                }
                items.extend(EventReply::of(&document, now));
            }
            at = Some(place);
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

/// The next documents by start from all lanes, and whether there may be more behind them.
async fn next_by_start(
    api: &EventApi,
    search: &EventSearch,
    after: Option<&Cursor>,
    now: Timestamp,
) -> Result<(Vec<Document>, bool), StoreError> {
    let collection = api.views.generation.collection(COLLECTION);
    let mut found = Vec::new();
    let mut more = false;
    // Behind the last document of a lane that has more, other lanes' documents have to wait.
    let mut horizon: Option<(i64, String)> = None;
    for mut query in lanes(search, now) {
        query.after = after.map(|cursor| in_lane(&query, cursor));
        let page = api.documents.find(&collection, query).await?;
        if let Some(last) = page.documents.last().filter(|_| page.next.is_some()) {
            more = true;
            let key = sort_key(last);
            horizon = Some(horizon.map_or(key.clone(), |horizon| horizon.min(key)));
        }
        found.extend(page.documents);
    }
    found.sort_by_cached_key(sort_key);
    if let Some(horizon) = horizon {
        found.retain(|document| sort_key(document) <= horizon);
    }
    Ok((found, more))
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
            ..Query::all(index, search.page.limit + 1)
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
            lane(index, vec![json!(length)], Some(search.from.map_or(began, |from| from.max(began))))
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

fn place_of(document: &Document) -> Cursor {
    let (start, id) = sort_key(document);
    Cursor {
        values: vec![json!(start)],
        id,
    }
}

fn sort_key(document: &Document) -> (i64, String) {
    let start = document.body.get("start_ms").and_then(Value::as_i64);
    (start.unwrap_or_default(), document.id.clone())
}

async fn find_by_text(api: &EventApi, search: &EventSearch, text: &str) -> Result<Page<EventReply>, Problem> {
    let now = api.clock.now();
    let collection = api.views.generation.collection(COLLECTION);
    let ids = api.search.find(&collection, text, MOST_MATCHES).await?;
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut found: Vec<Document> = api.documents.get(&collection, &ids).await?.into_iter().flatten().collect();
    found.sort_by_cached_key(sort_key);
    let after = search.page.after.as_ref().map(|cursor| {
        let start = cursor.values.first().and_then(Value::as_i64);
        (start.unwrap_or_default(), cursor.id.clone())
    });
    let mut items = Vec::new();
    let mut at = None;
    for document in found {
        if after.as_ref().is_some_and(|after| sort_key(&document) <= *after) {
            continue;
        }
        if items.len() == search.page.limit {
            return Ok(Page::new(items, at.as_ref()));
        }
        let place = place_of(&document);
        let document = read(document.body)?;
        if search.wants(&document, now) {
            items.extend(EventReply::of(&document, now));
            at = Some(place);
        }
    }
    Ok(Page::new(items, None))
}

/// Events of a name, in any letter case, cancelled ones and past ones included.
pub(super) async fn find_by_name(api: &EventApi, name: &str, page: PageRequest) -> Result<Page<EventReply>, Problem> {
    let now = api.clock.now();
    let mut query = Query::all(BY_NAME, page.limit);
    query.equals = vec![json!(name.to_lowercase())];
    query.after = page.after;
    let collection = api.views.generation.collection(COLLECTION);
    let found = api.documents.find(&collection, query).await?;
    let mut items = Vec::with_capacity(found.documents.len());
    for document in found.documents {
        items.extend(EventReply::of(&read(document.body)?, now));
    }
    Ok(Page::new(items, found.next.as_ref()))
}

pub(super) fn read(body: Value) -> Result<EventDocument, StoreError> {
    serde_json::from_value(body).map_err(|cause| StoreError::Broken(cause.to_string()))
}
