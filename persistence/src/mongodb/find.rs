//! Pages of documents by a declared index: each of a search's runs is one request that goes along it.

use mongodb::bson::{Bson, Document as BsonDocument, RawDocumentBuf, doc};
use mongodb::options::Hint;
use serde_json::Value;

use super::body::{to_bson, to_value};
use super::catalogue::{Catalogue, Entry, StoredIndex};
use super::database::read_all;
use super::documents::decoded;
use super::journal::bounded;
use crate::runs::{Comparison, Run, Term, page, runs};
use crate::{Cursor, Page, Query, StoreError};

pub(super) async fn find(catalogue: &Catalogue, entry: &Entry, query: &Query) -> Result<Page, StoreError> {
    let index = entry.index(query.index)?;
    let limit = query.limit.max(1);
    let mut documents = Vec::new();
    for run in runs(index.fields.len(), query)? {
        // One more than asked for tells whether there is a next page.
        let room = limit.saturating_add(1) - documents.len();
        if room > 0 {
            let found = along(catalogue, entry, &index, (&run, query.descending), room, false).await?;
            documents.extend(decoded(&found)?);
        }
    }
    Ok(page(documents, &index.fields, limit))
}

pub(super) async fn keys(catalogue: &Catalogue, entry: &Entry, query: &Query) -> Result<Vec<Cursor>, StoreError> {
    let index = entry.index(query.index)?;
    let limit = query.limit.max(1);
    let mut keys = Vec::new();
    for run in runs(index.fields.len(), query)? {
        let room = limit - keys.len();
        if room > 0 {
            let found = along(catalogue, entry, &index, (&run, query.descending), room, true).await?;
            let read: Result<Vec<Cursor>, StoreError> = found.iter().map(|found| key(found, &index)).collect();
            keys.extend(read?);
        }
    }
    Ok(keys)
}

/// What is found on one run of the index; of it only what the index itself holds, where no more is wanted.
async fn along(
    catalogue: &Catalogue,
    entry: &Entry,
    index: &StoredIndex,
    (run, descending): (&Run, bool),
    room: usize,
    keys_only: bool,
) -> Result<Vec<RawDocumentBuf>, StoreError> {
    let documents = catalogue.documents(entry);
    let mut find = documents.find(filter(index, run)).sort(index.order(descending));
    find = find.hint(Hint::Name(index.name.clone())).limit(bounded(room));
    if keys_only {
        find = find.projection(
            index
                .paths()
                .into_iter()
                .map(|path| (path, Bson::Int32(1)))
                .collect::<BsonDocument>(),
        );
    }
    read_all(find).await
}

/// Each condition stands by itself: a field may have two of a kind, one of the query and one of its cursor.
fn filter(index: &StoredIndex, run: &Run) -> BsonDocument {
    let paths = index.paths();
    let condition = |(field, term): &(usize, Term)| {
        let (operator, value) = condition(term);
        Some(Bson::from(doc! { paths.get(*field)?.as_str(): { operator: value } }))
    };
    let conditions: Vec<Bson> = run.iter().filter_map(condition).collect();
    match conditions.is_empty() {
        true => doc! {},
        false => doc! { "$and": conditions },
    }
}

fn condition(term: &Term) -> (&'static str, Bson) {
    match term {
        Term::Null => ("$eq", Bson::Null),
        Term::NotNull => ("$ne", Bson::Null),
        Term::Compares(comparison, value) => (operator(*comparison), operand(value)),
    }
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Is => "$eq",
        Comparison::Above => "$gt",
        Comparison::AtLeast => "$gte",
        Comparison::Below => "$lt",
        Comparison::AtMost => "$lte",
    }
}

/// Fields of an index hold text, integers or booleans; any other value equals none of them.
fn operand(value: &Value) -> Bson {
    to_bson(value, 1).unwrap_or(Bson::MinKey)
}

fn key(found: &RawDocumentBuf, index: &StoredIndex) -> Result<Cursor, StoreError> {
    let damaged = |error: mongodb::bson::error::Error| StoreError::Broken(error.to_string());
    let body = found.get("body").map_err(damaged)?.and_then(|body| body.as_document());
    let value = |field: &String| {
        let value = body.map(|body| body.get(field)).transpose().map_err(damaged)?.flatten();
        value.map_or(Ok(Value::Null), to_value)
    };
    Ok(Cursor {
        values: index.fields.iter().map(value).collect::<Result<_, _>>()?,
        id: found
            .get_str("_id")
            .map_err(|error| StoreError::Broken(error.to_string()))?
            .to_owned(),
    })
}
