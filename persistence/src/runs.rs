//! A search by an index, cut into runs of it that follow each other.
//!
//! "Behind (a, b, id)" is such a list of runs: the same a and b with a greater id, then the same a with a greater b, then a
//! greater a. And the runs without a value are runs of their own, because stores do not compare null with anything. So each
//! run is a conjunction that any store answers by one walk along the index.
//!
//! Adapters put runs into the words of their store; this module knows none of them.

use serde_json::Value;

use crate::{Bound, Cursor, Document, Page, Query, StoreError};

/// How a field compares with a value in the index's order, in which null is the lowest value.
#[derive(Debug, Clone, PartialEq)]
struct Condition {
    comparison: Comparison,
    value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Is,
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// One condition of a run on a field; several of a field hold together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Term {
    Null,
    NotNull,
    Compares(Comparison, Value),
}

/// The terms for the index's first fields, each with the field's position. The position behind the last field is the
/// id's.
pub(crate) type Run = Vec<(usize, Term)>;

/// The runs of an index of so many fields that `query` goes along, in its order.
///
/// # Errors
/// [`StoreError::Broken`] where the query does not fit such an index, [`StoreError::ForeignCursor`] where its cursor
/// does not.
pub(crate) fn runs(fields: usize, query: &Query) -> Result<Vec<Run>, StoreError> {
    check(fields, query)?;
    let mut runs = Vec::new();
    for stretch in stretches(fields, query) {
        runs.extend(without_null_comparisons(&stretch, query.descending));
    }
    // There are no documents without an id.
    runs.retain(|run| !run.contains(&(fields, Term::Null)));
    Ok(runs)
}

/// A page of at most `limit` documents; what is behind them tells only that there is a next one.
pub(crate) fn page(mut documents: Vec<Document>, fields: &[String], limit: usize) -> Page {
    let more = documents.len() > limit;
    documents.truncate(limit);
    let last = documents.last().filter(|_| more);
    let next = last.map(|last| Cursor {
        values: fields
            .iter()
            .map(|field| last.body.get(field).cloned().unwrap_or_default())
            .collect(),
        id: last.id.clone(),
    });
    Page { documents, next }
}

fn check(fields: usize, query: &Query) -> Result<(), StoreError> {
    let fixed = query.equals.len();
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

/// The conditions of each stretch, field by field, in the order in which they follow each other.
fn stretches(fields: usize, query: &Query) -> Vec<Vec<Vec<Condition>>> {
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
    let stretch = |last: usize| {
        let mut stretch = fixed.clone();
        for (i, value) in place.iter().enumerate().take(last + 1).skip(fixed.len()) {
            let comparison = if i == last { beyond } else { Comparison::Is };
            let mut conditions = vec![Condition::new(comparison, value)];
            if i == fixed.len() {
                conditions.extend(bounds(query));
            }
            stretch.push(conditions);
        }
        stretch
    };
    (fixed.len()..=fields).rev().map(stretch).collect()
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

/// Splits a stretch where it passes from documents without a value to those with one.
fn without_null_comparisons(stretch: &[Vec<Condition>], descending: bool) -> Vec<Run> {
    let mut runs: Vec<Run> = vec![Vec::new()];
    for (field, conditions) in stretch.iter().enumerate() {
        let choices = choices(conditions, descending);
        let longer = |run: &Run| -> Vec<Run> {
            let with = |choice: &Vec<Term>| {
                let terms = choice.iter().map(|term| (field, term.clone()));
                run.iter().cloned().chain(terms).collect()
            };
            choices.iter().map(with).collect()
        };
        runs = runs.iter().flat_map(longer).collect();
    }
    runs
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
