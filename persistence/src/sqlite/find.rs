//! Pages of documents by a declared index.
//!
//! A page is cut into parts, runs of the index that follow each other. "Behind (a, b, id)" is such a list of runs: the
//! same a and b with a greater id, then the same a with a greater b, then a greater a. SQL's own way to say it, a
//! comparison of rows, is never true for null; and the runs without a value are parts of their own for the same reason.
//! So each part is a conjunction that SQLite answers by one walk along the index.

use rusqlite::types::{Value as SqlValue, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};
use serde_json::Value;

use super::catalogue::{self, Entry, StoredIndex};
use super::database::sql_limit;
use super::documents::{decode, raw};
use crate::{Bound, Cursor, Document, Page, Query, StoreError};

/// How a field compares with a value in the index's order, in which null is the lowest value.
#[derive(Debug, Clone, PartialEq)]
struct Condition {
    comparison: Comparison,
    value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Is,
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// One condition of a part, in SQL's terms.
#[derive(Debug, Clone, PartialEq)]
enum Term {
    Null,
    NotNull,
    Compares(Comparison, Value),
}

/// A run of the index: the terms for its first fields, each with the field's position. The position behind the last
/// field is the id's.
type Part = Vec<(usize, Term)>;

pub(super) fn find(connection: &Connection, collection: &str, query: &Query) -> Result<Page, StoreError> {
    let entry = catalogue::entry(connection, collection)?;
    let index = catalogue::index(connection, entry, query.index)?;
    check(&index, query)?;
    let limit = query.limit.max(1);
    let mut documents = Vec::new();
    for part in parts(&index, query) {
        // One more than asked for tells whether there is a next page.
        let room = limit.saturating_add(1) - documents.len();
        if room > 0 {
            let sql = select(DOCUMENT, entry, &index, &part, query.descending);
            documents.extend(read_part(connection, &sql, &part, room, |row| decode(raw(row)?))?);
        }
    }
    Ok(page(documents, &index, limit))
}

pub(super) fn keys(connection: &Connection, collection: &str, query: &Query) -> Result<Vec<Cursor>, StoreError> {
    let entry = catalogue::entry(connection, collection)?;
    let index = catalogue::index(connection, entry, query.index)?;
    check(&index, query)?;
    let (limit, fields) = (query.limit.max(1), index.fields.len());
    let columns = columns(&index).join(", ");
    let mut keys = Vec::new();
    for part in parts(&index, query) {
        let room = limit - keys.len();
        if room > 0 {
            let sql = select(&columns, entry, &index, &part, query.descending);
            keys.extend(read_part(connection, &sql, &part, room, |row| {
                read_key(row, &query.equals, fields)
            })?);
        }
    }
    Ok(keys)
}

/// The fields that are fixed are what was asked for: SQL does not tell true from 1.
fn read_key(row: &Row<'_>, fixed: &[Value], fields: usize) -> Result<Cursor, StoreError> {
    let mut values = fixed.to_vec();
    for field in fixed.len()..fields {
        values.push(match row.get_ref(field)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => number.into(),
            ValueRef::Real(number) => number.into(),
            ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into(),
        });
    }
    let id = row.get(fields)?;
    Ok(Cursor { values, id })
}

fn page(mut documents: Vec<Document>, index: &StoredIndex, limit: usize) -> Page {
    let more = documents.len() > limit;
    documents.truncate(limit);
    let last = documents.last().filter(|_| more);
    let next = last.map(|last| Cursor {
        values: index
            .fields
            .iter()
            .map(|field| last.body.get(field).cloned().unwrap_or_default())
            .collect(),
        id: last.id.clone(),
    });
    Page { documents, next }
}

fn check(index: &StoredIndex, query: &Query) -> Result<(), StoreError> {
    let (fields, fixed) = (index.fields.len(), query.equals.len());
    let bounds: Vec<&Bound> = query.lower.iter().chain(&query.upper).collect();
    // Ids are bounded only where there is nothing else.
    let bounded = fields.max(1);
    if fixed > fields || !bounds.is_empty() && fixed >= bounded {
        return Err(StoreError::Broken(format!(
            "index `{}` has only {fields} fields",
            query.index
        )));
    }
    if fields == 0 && !bounds.iter().all(|bound| bound.value.is_string()) {
        return Err(StoreError::Broken("an id is a text".to_owned()));
    }
    let fits = |after: &Cursor| after.values.len() == fields && after.values.starts_with(&query.equals);
    if !query.after.as_ref().is_none_or(fits) {
        return Err(StoreError::ForeignCursor);
    }
    Ok(())
}

fn parts(index: &StoredIndex, query: &Query) -> Vec<Part> {
    let mut parts = Vec::new();
    for run in runs(index.fields.len(), query) {
        parts.extend(without_null_comparisons(&run, query.descending));
    }
    // There are no documents without an id.
    parts.retain(|part| !part.contains(&(index.fields.len(), Term::Null)));
    parts
}

/// The conditions of each run, field by field, in the order in which the runs follow each other.
fn runs(fields: usize, query: &Query) -> Vec<Vec<Vec<Condition>>> {
    let fixed: Vec<Vec<Condition>> = query.equals.iter().map(|value| vec![Condition::is(value)]).collect();
    let Some(after) = &query.after else {
        return vec![[fixed, vec![bounds(query)]].concat()];
    };
    let beyond = if query.descending {
        Comparison::Below
    } else {
        Comparison::Above
    };
    let id = Value::from(after.id.as_str());
    let place: Vec<&Value> = after.values.iter().chain([&id]).collect();
    let run = |last: usize| {
        let mut run = fixed.clone();
        for (i, value) in place.iter().enumerate().take(last + 1).skip(fixed.len()) {
            let comparison = if i == last { beyond } else { Comparison::Is };
            let mut conditions = vec![Condition::new(comparison, value)];
            if i == fixed.len() {
                conditions.extend(bounds(query));
            }
            run.push(conditions);
        }
        run
    };
    (fixed.len()..=fields).rev().map(run).collect()
}

fn bounds(query: &Query) -> Vec<Condition> {
    let condition = |bound: &Option<Bound>, inclusive, exclusive| {
        let bound = bound.as_ref()?;
        let comparison = if bound.inclusive { inclusive } else { exclusive };
        Some(Condition::new(comparison, &bound.value))
    };
    let lower = condition(&query.lower, Comparison::AtLeast, Comparison::Above);
    let upper = condition(&query.upper, Comparison::AtMost, Comparison::Below);
    lower.into_iter().chain(upper).collect()
}

/// Splits a run where it passes from documents without a value to those with one.
fn without_null_comparisons(run: &[Vec<Condition>], descending: bool) -> Vec<Part> {
    let mut parts: Vec<Part> = vec![Vec::new()];
    for (field, conditions) in run.iter().enumerate() {
        let choices = choices(conditions, descending);
        let longer = |part: &Part| -> Vec<Part> {
            let with = |choice: &Vec<Term>| {
                let terms = choice.iter().map(|term| (field, term.clone()));
                part.iter().cloned().chain(terms).collect()
            };
            choices.iter().map(with).collect()
        };
        parts = parts.iter().flat_map(longer).collect();
    }
    parts
}

/// The ways to meet all `conditions` on a field, in the index's order: by null, by a value, or both, or none.
fn choices(conditions: &[Condition], descending: bool) -> Vec<Vec<Term>> {
    if conditions.is_empty() {
        return vec![Vec::new()];
    }
    let by_null = conditions.iter().all(Condition::admits_null).then(|| vec![Term::Null]);
    let by_value: Option<Vec<Term>> = conditions.iter().map(Condition::term_for_values).collect();
    let mut choices: Vec<Vec<Term>> = by_null.into_iter().chain(by_value).collect();
    if descending {
        choices.reverse();
    }
    choices
}

impl Condition {
    fn new(comparison: Comparison, value: &Value) -> Self {
        Self {
            comparison,
            value: value.clone(),
        }
    }

    fn is(value: &Value) -> Self {
        Self::new(Comparison::Is, value)
    }

    fn admits_null(&self) -> bool {
        match self.comparison {
            Comparison::Is | Comparison::AtLeast => self.value.is_null(),
            Comparison::Above => false,
            Comparison::Below => !self.value.is_null(),
            Comparison::AtMost => true,
        }
    }

    /// What it says of fields that have a value; `None` where none meets it.
    fn term_for_values(&self) -> Option<Term> {
        match (self.value.is_null(), self.comparison) {
            (false, comparison) => Some(Term::Compares(comparison, self.value.clone())),
            (true, Comparison::Above | Comparison::AtLeast) => Some(Term::NotNull),
            (true, _) => None,
        }
    }
}

impl Comparison {
    fn sql(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        }
    }
}

/// What a search reads of each document.
const DOCUMENT: &str = "id, revision, body";

/// The fields of an index, and behind them the id, as SQL.
fn columns(index: &StoredIndex) -> Vec<String> {
    index.expressions().into_iter().chain(["id".to_owned()]).collect()
}

/// The SQL that reads `what` of a part; its parameters are the values of the part's comparisons, then the limit.
fn select(what: &str, entry: Entry, index: &StoredIndex, part: &Part, descending: bool) -> String {
    let columns = columns(index);
    let terms = part
        .iter()
        .filter_map(|(field, term)| Some(sql_term(columns.get(*field)?, term)));
    let terms: Vec<String> = terms.collect();
    let filter = if terms.is_empty() {
        String::new()
    } else {
        format!("WHERE {}", terms.join(" AND "))
    };
    let direction = if descending { " DESC" } else { "" };
    // Fields that are the same in the whole part are left out: SQLite would sort by them.
    let free = columns.iter().skip(fixed_fields(part));
    let order: Vec<String> = free.map(|column| format!("{column}{direction}")).collect();
    format!(
        "SELECT {what} FROM {} {} {filter} ORDER BY {} LIMIT ?",
        entry.documents(),
        index.along(),
        order.join(", ")
    )
}

fn fixed_fields(part: &Part) -> usize {
    let is_fixed = |term: &Term| matches!(term, Term::Null | Term::Compares(Comparison::Is, _));
    let fixed = part
        .iter()
        .filter(|(_, term)| is_fixed(term))
        .map(|(field, _)| field + 1);
    fixed.max().unwrap_or(0)
}

fn sql_term(column: &str, term: &Term) -> String {
    match term {
        Term::Null => format!("{column} IS NULL"),
        // Everything lies above minus infinity, and unlike IS NOT NULL it is a place to start from in an index.
        Term::NotNull => format!("{column} >= -9e999"),
        // A value goes the same way as the field, so that they compare alike whatever they are.
        Term::Compares(comparison, _) => format!("{column} {} json_extract(?, '$')", comparison.sql()),
    }
}

fn read_part<T>(
    connection: &Connection,
    sql: &str,
    part: &Part,
    limit: usize,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let value = |(_, term): &(usize, Term)| match term {
        Term::Compares(_, value) => Some(SqlValue::Text(value.to_string())),
        Term::Null | Term::NotNull => None,
    };
    let parameters = part
        .iter()
        .filter_map(value)
        .chain([SqlValue::Integer(sql_limit(limit))]);
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params_from_iter(parameters))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{BY_ID, Collection, Index};

    const INDEXES: &[Index] = &[
        Index {
            name: "by_time",
            fields: &["time"],
        },
        Index {
            name: "by_user_time",
            fields: &["user", "time"],
        },
        Index {
            name: "by_user_state_time",
            fields: &["user", "state", "time"],
        },
    ];

    fn declared() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        catalogue::create_tables(&connection).unwrap();
        let collection = Collection {
            name: "bookings".to_owned(),
            indexes: INDEXES,
        };
        catalogue::declare(&connection, &collection).unwrap();
        connection
    }

    fn bound(value: Value, inclusive: bool) -> Option<Bound> {
        Some(Bound { value, inclusive })
    }

    /// Each kind of part that a query can be cut into, upwards and downwards.
    fn queries() -> Vec<Query> {
        let all = |index| Query::all(index, 10);
        let cursor = |values: &[Value]| {
            Some(Cursor {
                values: values.to_vec(),
                id: "d1".to_owned(),
            })
        };
        let upwards = [
            all("by_time"),
            Query {
                after: cursor(&[json!("2026")]),
                ..all("by_time")
            },
            Query {
                lower: bound(json!("2025"), true),
                upper: bound(json!("2027"), false),
                after: cursor(&[json!("2026")]),
                ..all("by_time")
            },
            Query {
                equals: vec![json!("u1")],
                upper: bound(json!("2026"), true),
                ..all("by_user_time")
            },
            Query {
                equals: vec![json!("u1")],
                after: cursor(&[json!("u1"), Value::Null, json!("2026")]),
                ..all("by_user_state_time")
            },
            Query {
                after: cursor(&[json!("u1"), json!(true), Value::Null]),
                ..all("by_user_state_time")
            },
            all(BY_ID),
            Query {
                lower: bound(json!("d0"), false),
                upper: bound(json!("d9"), true),
                after: cursor(&[]),
                ..all(BY_ID)
            },
        ];
        let downwards = upwards.clone().map(|query| Query {
            descending: true,
            ..query
        });
        upwards.into_iter().chain(downwards).collect()
    }

    #[test]
    fn every_part_is_one_walk_along_its_index() {
        let connection = declared();
        let entry = catalogue::entry(&connection, "bookings").unwrap();
        for query in queries() {
            let index = catalogue::index(&connection, entry, query.index).unwrap();
            check(&index, &query).unwrap();
            for part in parts(&index, &query) {
                let sql = select(DOCUMENT, entry, &index, &part, query.descending);
                let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
                let steps: Vec<String> = statement
                    .raw_query()
                    .mapped(|row| row.get("detail"))
                    .collect::<Result<_, _>>()
                    .unwrap();
                let walk = if part.is_empty() { "SCAN" } else { "SEARCH" };
                let along = match index.along().strip_prefix("INDEXED BY ") {
                    Some(index) => format!(" USING INDEX {index}"),
                    None if part.is_empty() => String::new(),
                    None => " USING PRIMARY KEY".to_owned(),
                };
                let start = format!("{walk} {}{along}", entry.documents());
                assert!(steps.len() == 1 && steps[0].starts_with(&start), "{sql}: {steps:?}");
            }
        }
    }

    #[test]
    fn keys_are_read_from_the_index_alone() {
        let connection = declared();
        let entry = catalogue::entry(&connection, "bookings").unwrap();
        let index = catalogue::index(&connection, entry, "by_user_time").unwrap();
        let query = Query {
            equals: vec![json!("u1")],
            ..Query::all("by_user_time", 10)
        };
        let part = &parts(&index, &query)[0];
        let plan = |what: &str| -> String {
            let sql = select(what, entry, &index, part, false);
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let mut rows = statement.raw_query();
            rows.next().unwrap().unwrap().get("detail").unwrap()
        };
        assert!(plan(&columns(&index).join(", ")).contains("USING COVERING INDEX"));
        assert!(!plan(DOCUMENT).contains("COVERING"));
    }

    #[test]
    fn the_first_field_of_a_part_bounds_its_walk() {
        let connection = declared();
        let entry = catalogue::entry(&connection, "bookings").unwrap();
        let index = catalogue::index(&connection, entry, "by_user_time").unwrap();
        let query = Query {
            equals: vec![json!("u1")],
            lower: bound(json!("2025"), true),
            upper: bound(json!("2026"), true),
            ..Query::all("by_user_time", 10)
        };
        let parts = parts(&index, &query);
        let sql = select(DOCUMENT, entry, &index, &parts[0], false);
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let step: String = statement.raw_query().next().unwrap().unwrap().get("detail").unwrap();
        assert!(step.ends_with("(<expr>=? AND <expr>>? AND <expr><?)"), "{step}");
    }
}
