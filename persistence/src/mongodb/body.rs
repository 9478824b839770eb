//! JSON bodies as BSON documents, so that indexes find their fields and people can read them.
//!
//! What BSON cannot say exactly is kept as JSON text beside those of its fields that an index may want: whole numbers beyond
//! 64 bits with a sign, and names that mean something to the server.

use mongodb::bson::{Bson, Document as BsonDocument, RawBsonRef, RawDocument, doc};
use serde_json::{Map, Number, Value};

use crate::{Body, Document, StoreError};

/// The server takes documents up to a depth of 100; some of it is our own.
const MAX_DEPTH: usize = 80;

/// The fields of a stored document that hold `body`.
///
/// # Errors
/// [`StoreError::Broken`] where it is no JSON object.
pub(super) fn stored(body: &Body) -> Result<BsonDocument, StoreError> {
    let Ok(Value::Object(fields)) = body.to_value() else {
        return Err(StoreError::Broken("a body is no JSON object".to_owned()));
    };
    if let Some(exact) = object(&fields, MAX_DEPTH) {
        return Ok(doc! { "body": exact });
    }
    let plain = fields
        .iter()
        .filter(|(name, value)| is_plain(name) && !is_nested(value));
    let indexed = plain.filter_map(|(name, value)| Some((name.clone(), to_bson(value, 0)?)));
    Ok(doc! { "body": indexed.collect::<BsonDocument>(), "json": body.as_str() })
}

fn object(fields: &Map<String, Value>, depth: usize) -> Option<BsonDocument> {
    let depth = depth.checked_sub(1)?;
    let each = fields.iter().map(|(name, value)| {
        let value = to_bson(value, depth)?;
        is_plain(name).then(|| (name.clone(), value))
    });
    each.collect()
}

/// `None` where it would not come back as it is.
pub(super) fn to_bson(value: &Value, depth: usize) -> Option<Bson> {
    Some(match value {
        Value::Null => Bson::Null,
        Value::Bool(it) => Bson::Boolean(*it),
        Value::Number(it) => number(it)?,
        Value::String(it) => Bson::String(it.clone()),
        Value::Array(it) => {
            let depth = depth.checked_sub(1)?;
            Bson::Array(it.iter().map(|value| to_bson(value, depth)).collect::<Option<_>>()?)
        }
        Value::Object(it) => Bson::Document(object(it, depth)?),
    })
}

fn number(number: &Number) -> Option<Bson> {
    match number.as_i64() {
        Some(whole) => Some(Bson::Int64(whole)),
        None if number.is_f64() => number.as_f64().map(Bson::Double),
        None => None,
    }
}

fn is_plain(name: &str) -> bool {
    !name.starts_with('$') && !name.contains(['.', '\0'])
}

fn is_nested(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

/// # Errors
/// [`StoreError::Broken`] where it is none that [`stored`] has made.
pub(super) fn document(stored: &RawDocument) -> Result<Document, StoreError> {
    let damaged = |error| StoreError::Broken(format!("a document has another shape: {error}"));
    let id = stored.get_str("_id").map_err(damaged)?.to_owned();
    let revision = stored.get_i64("revision").map_err(damaged)?.cast_unsigned();
    let body = match stored.get_str("json") {
        Ok(text) => {
            serde_json::from_str(text).map_err(|error| StoreError::Broken(format!("document `{id}`: {error}")))?
        }
        Err(_) => Value::Object(to_object(stored.get_document("body").map_err(damaged)?)?),
    };
    Ok(Document { id, revision, body })
}

fn to_object(document: &RawDocument) -> Result<Map<String, Value>, StoreError> {
    let fields = document.iter().map(|field| {
        let (name, value) = field.map_err(|error| StoreError::Broken(error.to_string()))?;
        Ok((name.as_str().to_owned(), to_value(value)?))
    });
    fields.collect()
}

pub(super) fn to_value(value: RawBsonRef<'_>) -> Result<Value, StoreError> {
    Ok(match value {
        RawBsonRef::Null => Value::Null,
        RawBsonRef::Boolean(it) => Value::Bool(it),
        RawBsonRef::Int32(it) => it.into(),
        RawBsonRef::Int64(it) => it.into(),
        RawBsonRef::Double(it) => it.into(),
        RawBsonRef::String(it) => it.into(),
        RawBsonRef::Document(it) => Value::Object(to_object(it)?),
        RawBsonRef::Array(it) => {
            let each = it
                .into_iter()
                .map(|value| to_value(value.map_err(|error| StoreError::Broken(error.to_string()))?));
            Value::Array(each.collect::<Result<_, _>>()?)
        }
        other => return Err(StoreError::Broken(format!("{:?} is no JSON", other.element_type()))),
    })
}

#[cfg(test)]
mod tests {
    use mongodb::bson::RawDocumentBuf;
    use serde_json::json;

    use super::*;

    /// Whether it had to be kept as text.
    fn comes_back(body: &Value) -> bool {
        let mut fields = stored(&Body::from(body.clone())).unwrap();
        let is_text = fields.contains_key("json");
        fields.insert("_id", "a");
        fields.insert("revision", 7_i64);
        let raw = RawDocumentBuf::try_from(&fields).unwrap();
        let document = document(&raw).unwrap();
        assert_eq!(
            (document.id.as_str(), document.revision, &document.body),
            ("a", 7, body)
        );
        is_text
    }

    #[test]
    fn bodies_come_back_as_they_were() {
        let usual = json!({"a": [1, 2.0, -0.5, i64::MIN, null, true, "ü\0"], "b": {"c": {}}, "_id": "x"});
        assert!(!comes_back(&usual));
        let mut deep = json!({});
        for _ in 0..100 {
            deep = json!({ "in": deep });
        }
        for odd in [
            json!({"a": u64::MAX}),
            json!({"$set": 1}),
            json!({"a.b": 1}),
            json!({"b": {"c\0": 1}}),
            deep,
        ] {
            assert!(comes_back(&odd), "{odd}");
        }
    }

    #[test]
    fn fields_of_a_text_can_still_be_found() {
        let fields = stored(&Body::from(json!({"user": "u", "many": [1], "big": u64::MAX, "$x": 1}))).unwrap();
        assert_eq!(fields.get_document("body").unwrap(), &doc! { "user": "u" });
    }
}
