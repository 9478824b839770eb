//! Cursor paging: `limit` and `cursor` in, `next_cursor` and a `Link` header with `rel="next"` out.

use std::collections::BTreeMap;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use persistence::{Cursor, Query};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::form::{Form, Reading, integer_in_text};
use super::problem::Problem;

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 200;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct PageRequest {
    pub limit: usize,
    pub after: Option<Cursor>,
}

impl PageRequest {
    /// The page that a request with no other parameters asks for.
    ///
    /// # Errors
    /// 422 where a parameter breaks its rule.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut form = Form::from_query(&query_of(request));
        let page = Self::read(&mut form);
        form.finish().map_err(Problem::invalid)?;
        Ok(page)
    }

    /// The page as a query of an index.
    pub fn query(self, index: &'static str) -> Query {
        Query {
            after: self.after,
            ..Query::all(index, self.limit)
        }
    }

    pub fn read(form: &mut Form) -> Self {
        let limit = form.optional(&["limit"], integer_in_text(1, MAX_LIMIT));
        Self {
            limit: limit.unwrap_or(DEFAULT_LIMIT) as usize,
            after: form.optional(&["cursor"], read_cursor),
        }
    }
}

impl<T: Serialize> Page<T> {
    pub fn new(items: Vec<T>, next: Option<&Cursor>) -> Self {
        Self {
            items,
            next_cursor: next.map(write_cursor),
        }
    }

    /// 200 with the page and, where there is more, the link to it.
    pub fn respond(self, request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if let Some(cursor) = &self.next_cursor {
            let link = format!("<{}>; rel=\"next\"", next_url(request, cursor));
            response.insert_header((header::LINK, link));
        }
        response.json(self)
    }
}

fn next_url(request: &HttpRequest, cursor: &str) -> String {
    let others = request
        .query_string()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let query: Vec<&str> = others.collect();
    let separator = if query.is_empty() { "" } else { "&" };
    format!("{}?{}{separator}cursor={cursor}", request.path(), query.join("&"))
}

/// Cursors are opaque to clients: hexadecimal, so that they need no escaping anywhere.
fn write_cursor(cursor: &Cursor) -> String {
    hex::encode(serde_json::to_vec(cursor).unwrap_or_default())
}

fn read_cursor(value: &Value) -> Reading<Cursor> {
    let bytes = value.as_str().and_then(|text| hex::decode(text).ok());
    let cursor = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    cursor.ok_or_else(|| "must be a next_cursor of an earlier page".to_owned())
}

/// The parameters of a request's query string. Of a repeated one the last counts.
pub fn query_of(request: &HttpRequest) -> BTreeMap<String, String> {
    actix_web::web::Query::from_query(request.query_string())
        .map(|query: actix_web::web::Query<BTreeMap<String, String>>| query.into_inner())
        .unwrap_or_default()
}
