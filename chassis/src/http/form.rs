//! Reads untyped input field by field and collects every fault, so that one reply names them all.
//!
//! Names are found in any letter case and with or without underscores. Unknown fields are ignored.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field, with the path to it: `location.halls[0].capacity`.
    pub field: String,
    /// The rule it breaks.
    pub rule: String,
}

/// An object's fields, and the faults found so far.
pub struct Form<'a> {
    prefix: String,
    fields: BTreeMap<Cow<'a, str>, Cow<'a, Value>>,
    errors: Vec<FieldError>,
}

/// What a reader makes of a value, or the rule that the value breaks.
pub type Reading<T> = Result<T, String>;

impl FieldError {
    pub fn new(field: &str, rule: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            rule: rule.into(),
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            return f.write_str(&self.rule);
        }
        write!(f, "{} {}", self.field, self.rule)
    }
}

impl<'a> Form<'a> {
    pub fn new(object: &'a Map<String, Value>) -> Self {
        Self::nested(String::new(), object)
    }

    /// The parameters of a query string; all values are text.
    pub fn from_query(query: &BTreeMap<String, String>) -> Self {
        let fields = query.iter().map(|(name, value)| {
            let name = fold(name).into_owned();
            (Cow::Owned(name), Cow::Owned(Value::from(value.as_str())))
        });
        Self::of(String::new(), fields.collect())
    }

    fn nested(prefix: String, object: &'a Map<String, Value>) -> Self {
        let fields = object.iter().map(|(name, value)| (fold(name), Cow::Borrowed(value)));
        Self::of(prefix, fields.collect())
    }

    fn of(prefix: String, fields: BTreeMap<Cow<'a, str>, Cow<'a, Value>>) -> Self {
        Self {
            prefix,
            fields,
            errors: Vec::new(),
        }
    }

    /// The field's value, if it is there and not null. `names` are its name and its other spellings.
    pub fn optional<T>(&mut self, names: &[&str], read: impl FnOnce(&Value) -> Reading<T>) -> Option<T> {
        self.patched(names, read).flatten()
    }

    /// `None` where the field is absent, `Some(None)` where it is null.
    pub fn patched<T>(&mut self, names: &[&str], read: impl FnOnce(&Value) -> Reading<T>) -> Option<Option<T>> {
        let value = self.take(names)?;
        if value.is_null() {
            return Some(None);
        }
        match read(&value) {
            Ok(value) => Some(Some(value)),
            Err(rule) => {
                self.fault(names[0], rule);
                None
            }
        }
    }

    /// The field's value; its absence is a fault.
    pub fn required<T>(&mut self, names: &[&str], read: impl FnOnce(&Value) -> Reading<T>) -> Option<T> {
        let before = self.errors.len();
        let value = self.optional(names, read);
        if value.is_none() && self.errors.len() == before {
            self.fault(names[0], "is required");
        }
        value
    }

    /// Reads an object in the field by `read`, which reports its faults to the nested form.
    pub fn object<T>(&mut self, names: &[&str], read: impl FnOnce(&mut Form<'a>) -> Option<T>) -> Option<T> {
        match self.take(names)? {
            Cow::Borrowed(Value::Object(object)) => {
                self.read_nested(format!("{}{}", self.prefix, names[0]), object, read)
            }
            value if value.is_null() => None,
            _ => {
                self.fault(names[0], "must be an object");
                None
            }
        }
    }

    /// Reads a list of objects in the field. `None` where it is absent, null or not a list; faulty elements are left
    /// out and reported.
    pub fn objects<T>(
        &mut self,
        names: &[&str],
        most: usize,
        read: impl Fn(&mut Form<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let elements = match self.take(names)? {
            Cow::Borrowed(Value::Array(elements)) if elements.len() <= most => elements,
            value if value.is_null() => return None,
            _ => {
                self.fault(names[0], format!("must be a list of at most {most} objects"));
                return None;
            }
        };
        let mut list = Vec::with_capacity(elements.len());
        for (i, element) in elements.iter().enumerate() {
            let path = format!("{}[{i}]", names[0]);
            match element {
                Value::Object(object) => list.extend(self.read_nested(format!("{}{path}", self.prefix), object, &read)),
                _ => self.fault(&path, "must be an object"),
            }
        }
        Some(list)
    }

    pub fn has(&self, names: &[&str]) -> bool {
        names
            .iter()
            .any(|name| self.fields.get(&*fold(name)).is_some_and(|value| !value.is_null()))
    }

    /// Notes a fault of a field of this form.
    pub fn fault(&mut self, field: &str, rule: impl Into<String>) {
        self.errors
            .push(FieldError::new(&format!("{}{field}", self.prefix), rule));
    }

    /// All faults, or none.
    pub fn finish(self) -> Result<(), Vec<FieldError>> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(self.errors)
        }
    }

    fn read_nested<T>(
        &mut self,
        path: String,
        object: &'a Map<String, Value>,
        read: impl FnOnce(&mut Form<'a>) -> Option<T>,
    ) -> Option<T> {
        let mut form = Form::nested(format!("{path}."), object);
        let value = read(&mut form);
        self.errors.append(&mut form.errors);
        value
    }

    fn take(&mut self, names: &[&str]) -> Option<Cow<'a, Value>> {
        names.iter().find_map(|name| self.fields.remove(&*fold(name)))
    }
}

/// Text of `least` to `most` characters on one line, without control characters. Spaces around it are cut off.
pub fn line(least: usize, most: usize) -> impl Fn(&Value) -> Reading<String> {
    move |value| {
        let text = bounded(value, least, most)?;
        if text.chars().any(char::is_control) {
            return Err("must not contain control characters".to_owned());
        }
        Ok(text)
    }
}

/// Text of `least` to `most` characters that may have line breaks and tabs.
pub fn text(least: usize, most: usize) -> impl Fn(&Value) -> Reading<String> {
    move |value| {
        let text = bounded(value, least, most)?;
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err("must not contain control characters".to_owned());
        }
        Ok(text)
    }
}

fn bounded(value: &Value, least: usize, most: usize) -> Reading<String> {
    let text = value.as_str().ok_or("must be text")?.trim();
    let length = text.chars().count();
    if length < least || length > most {
        return Err(format!("must have {least} to {most} characters"));
    }
    Ok(text.to_owned())
}

/// A whole number from `least` to `most`.
pub fn integer(least: u32, most: u32) -> impl Fn(&Value) -> Reading<u32> {
    move |value| {
        let number = value.as_i64().and_then(|number| u32::try_from(number).ok());
        let rule = || format!("must be a whole number from {least} to {most}");
        number.filter(|number| (least..=most).contains(number)).ok_or_else(rule)
    }
}

/// A whole number in the text of a query parameter.
pub fn integer_in_text(least: u32, most: u32) -> impl Fn(&Value) -> Reading<u32> {
    move |value| {
        let number = value.as_str().and_then(|text| text.parse::<i64>().ok());
        integer(least, most)(&number.map_or(Value::Null, Value::from))
    }
}

/// `true` or `false` in the text of a query parameter.
pub fn boolean_in_text(value: &Value) -> Reading<bool> {
    match value.as_str() {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// A time from 1970 to 9999, as RFC 3339 text or as unix seconds.
pub fn time(value: &Value) -> Reading<Timestamp> {
    let seconds = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    let time = match seconds {
        Some(seconds) => Timestamp::from_second(seconds).ok(),
        None => value.as_str().and_then(|text| text.parse().ok()),
    };
    // Stored to the millisecond.
    time.filter(|time| *time >= Timestamp::UNIX_EPOCH)
        .and_then(|time| Timestamp::from_millisecond(time.as_millisecond()).ok())
        .ok_or_else(|| "must be a time: RFC 3339 text or unix seconds, from 1970 to 9999".to_owned())
}

/// An id as text of 1 to 100 visible ASCII characters, or as a whole number.
pub fn id(value: &Value) -> Reading<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) if number.is_u64() => number.to_string(),
        _ => return Err("must be text or a whole number".to_owned()),
    };
    if text.is_empty() || text.len() > 100 || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("must have 1 to 100 visible ASCII characters".to_owned());
    }
    Ok(text)
}

fn fold(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Cow::Borrowed(name);
    }
    let folded = name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase);
    Cow::Owned(folded.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(value: &Value) -> Form<'_> {
        Form::new(value.as_object().unwrap())
    }

    #[test]
    fn names_are_found_in_every_spelling() {
        for spelling in ["open_time", "openTime", "Opentime", "OPEN_TIME"] {
            let body = json!({ spelling: 7 });
            let mut form = form(&body);
            assert_eq!(form.optional(&["open_time"], integer(0, 24)), Some(7), "{spelling}");
        }
    }

    #[test]
    fn every_fault_is_named_with_its_path() {
        let body = json!({"name": 5, "halls": [{"capacity": 1}, {"capacity": -1}, 3]});
        let mut form = form(&body);
        form.required(&["name"], line(1, 10));
        form.required(&["start"], time);
        form.objects(&["halls"], 9, |hall| hall.required(&["capacity"], integer(1, 9)));
        let fields: Vec<String> = form.finish().unwrap_err().into_iter().map(|e| e.field).collect();
        assert_eq!(fields, ["name", "start", "halls[1].capacity", "halls[2]"]);
    }

    #[test]
    fn numbers_outside_their_bounds_are_refused() {
        for value in [
            json!(0),
            json!(-1),
            json!(1_u64 << 40),
            json!(1.5),
            json!("2"),
            json!(u64::MAX),
            json!(null),
        ] {
            assert!(integer(1, 9)(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn text_has_bounds_and_no_nul() {
        assert!(line(1, 3)(&json!("a\0")).is_err());
        assert!(line(1, 3)(&json!("   ")).is_err());
        assert!(line(1, 3)(&json!("abcd")).is_err());
        assert_eq!(line(1, 3)(&json!(" äöü ")), Ok("äöü".to_owned()));
        assert!(text(0, 9)(&json!("a\nb")).is_ok());
    }

    #[test]
    fn times_are_read_in_both_forms() {
        let expected: Timestamp = "2026-12-15T14:00:00Z".parse().unwrap();
        for value in [
            json!("2026-12-15T15:00:00+01:00"),
            json!(1_797_343_200),
            json!("1797343200"),
        ] {
            assert_eq!(time(&value), Ok(expected), "{value}");
        }
        for value in [json!("soon"), json!(-1), json!(i64::MAX), json!(1.5), json!(true)] {
            assert!(time(&value).is_err(), "{value}");
        }
    }
}
