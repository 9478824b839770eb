//! Pages of documents by a declared index: each of a search's runs is one statement.

use rusqlite::types::{Value as SqlValue, ValueRef};
use rusqlite::{Connection, Row, params_from_iter};
use serde_json::Value;

use super::catalogue::{self, Entry, StoredIndex};
use super::database::sql_limit;
use super::documents::{decode, raw};
use crate::runs::{Comparison, Run, Term, page, runs};
use crate::{Cursor, Page, Query, StoreError};

pub(super) fn find(connection: &Connection, collection: &str, query: &Query) -> Result<Page, StoreError> {
    let entry = catalogue::entry(connection, collection)?;
    let index = catalogue::index(connection, entry, query.index)?;
    let limit = query.limit.max(1);
    let mut documents = Vec::new();
    for run in runs(index.fields.len(), query)? {
        // One more than asked for tells whether there is a next page.
        let room = limit.saturating_add(1) - documents.len();
        if room > 0 {
            let sql = select(DOCUMENT, entry, &index, &run, query.descending);
            documents.extend(read_run(connection, &sql, &run, room, |row| decode(raw(row)?))?);
        }
    }
    Ok(page(documents, &index.fields, limit))
}

pub(super) fn keys(connection: &Connection, collection: &str, query: &Query) -> Result<Vec<Cursor>, StoreError> {
    let entry = catalogue::entry(connection, collection)?;
    let index = catalogue::index(connection, entry, query.index)?;
    let (limit, fields) = (query.limit.max(1), index.fields.len());
    let columns = columns(&index).join(", ");
    let mut keys = Vec::new();
    for run in runs(index.fields.len(), query)? {
        let room = limit - keys.len();
        if room > 0 {
            let sql = select(&columns, entry, &index, &run, query.descending);
            keys.extend(read_run(connection, &sql, &run, room, |row| {
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

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Is => "=",
        Comparison::Above => ">",
        Comparison::AtLeast => ">=",
        Comparison::Below => "<",
        Comparison::AtMost => "<=",
    }
}

/// What a search reads of each document.
const DOCUMENT: &str = "id, revision, body";

/// The fields of an index, and behind them the id, as SQL.
fn columns(index: &StoredIndex) -> Vec<String> {
    index.expressions().into_iter().chain(["id".to_owned()]).collect()
}

/// The SQL that reads `what` of a run; its parameters are the values of the run's comparisons, then the limit.
fn select(what: &str, entry: Entry, index: &StoredIndex, run: &Run, descending: bool) -> String {
    let columns = columns(index);
    let terms = run
        .iter()
        .filter_map(|(field, term)| Some(sql_term(columns.get(*field)?, term)));
    let terms: Vec<String> = terms.collect();
    let filter = if terms.is_empty() {
        String::new()
    } else {
        format!("WHERE {}", terms.join(" AND "))
    };
    let direction = if descending { " DESC" } else { "" };
    // Fields that are the same in the whole run are left out: SQLite would sort by them.
    let free = columns.iter().skip(fixed_fields(run));
    let order: Vec<String> = free.map(|column| format!("{column}{direction}")).collect();
    format!(
        "SELECT {what} FROM {} {} {filter} ORDER BY {} LIMIT ?",
        entry.documents(),
        index.along(),
        order.join(", ")
    )
}

fn fixed_fields(run: &Run) -> usize {
    let is_fixed = |term: &Term| matches!(term, Term::Null | Term::Compares(Comparison::Is, _));
    let fixed = run
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
        Term::Compares(comparison, _) => format!("{column} {} json_extract(?, '$')", operator(*comparison)),
    }
}

fn read_run<T>(
    connection: &Connection,
    sql: &str,
    run: &Run,
    limit: usize,
    read: impl Fn(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let value = |(_, term): &(usize, Term)| match term {
        Term::Compares(_, value) => Some(SqlValue::Text(value.to_string())),
        Term::Null | Term::NotNull => None,
    };
    let parameters = run
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
    use crate::{BY_ID, Bound, Collection, Index};

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

    /// Each kind of run that a query can be cut into, upwards and downwards.
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
            for run in runs(index.fields.len(), &query).unwrap() {
                let sql = select(DOCUMENT, entry, &index, &run, query.descending);
                let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
                let steps: Vec<String> = statement
                    .raw_query()
                    .mapped(|row| row.get("detail"))
                    .collect::<Result<_, _>>()
                    .unwrap();
                let walk = if run.is_empty() { "SCAN" } else { "SEARCH" };
                let along = match index.along().strip_prefix("INDEXED BY ") {
                    Some(index) => format!(" USING INDEX {index}"),
                    None if run.is_empty() => String::new(),
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
        let run = &runs(index.fields.len(), &query).unwrap()[0];
        let plan = |what: &str| -> String {
            let sql = select(what, entry, &index, run, false);
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
        let runs = runs(index.fields.len(), &query).unwrap();
        let sql = select(DOCUMENT, entry, &index, &runs[0], false);
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let step: String = statement.raw_query().next().unwrap().unwrap().get("detail").unwrap();
        assert!(step.ends_with("(<expr>=? AND <expr>>? AND <expr><?)"), "{step}");
    }
}
