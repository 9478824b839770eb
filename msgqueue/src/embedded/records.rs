//! The log's rows: appending messages, reading what a group has not acknowledged.

use contracts::Envelope;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use crate::{BrokerError, Delivery, DeliveryTag, Message};

/// A larger one would hold up everybody else's.
const MAX_MESSAGE_BYTES: usize = 16 << 20;
/// Where a batch ends, however many messages were asked for.
const MAX_BATCH_BYTES: usize = 16 << 20;

/// A message in the form in which it is stored: as the envelope's own JSON, or, where it is none, as it came.
pub(super) struct Record {
    key: String,
    envelope: Option<String>,
    attributes: String,
    body: Vec<u8>,
}

/// What one look at the log gave.
pub(super) struct Page {
    pub(super) deliveries: Vec<Delivery>,
    /// Everything up to this offset was delivered or acknowledged.
    pub(super) seen: i64,
}

impl Record {
    pub(super) fn from_envelope(envelope: &Envelope) -> Result<Self, BrokerError> {
        let json = serde_json::to_string(envelope).map_err(|e| BrokerError::Refused(e.to_string()))?;
        let record = Self {
            key: envelope.stream.entity_id().to_owned(),
            envelope: Some(json),
            attributes: String::new(),
            body: Vec::new(),
        };
        record.checked()
    }

    pub(super) fn from_message(message: Message) -> Result<Self, BrokerError> {
        let attributes = serde_json::to_string(&message.attributes).map_err(|e| BrokerError::Refused(e.to_string()))?;
        let record = Self {
            key: message.key,
            envelope: None,
            attributes,
            body: message.body,
        };
        record.checked()
    }

    fn checked(self) -> Result<Self, BrokerError> {
        if self.bytes() <= MAX_MESSAGE_BYTES {
            return Ok(self);
        }
        let rule = format!("a message has at most {MAX_MESSAGE_BYTES} bytes");
        Err(BrokerError::Refused(rule))
    }

    pub(super) fn bytes(&self) -> usize {
        let envelope = self.envelope.as_ref().map_or(0, String::len);
        self.key.len() + envelope + self.attributes.len() + self.body.len()
    }
}

pub(super) fn append(connection: &Connection, records: &[Record]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO log (key, attributes, body, envelope) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = connection.prepare_cached(sql)?;
    for record in records {
        insert.execute(params![record.key, record.attributes, record.body, record.envelope])?;
    }
    Ok(())
}

/// At most `max` messages behind offset `after` that `group` has not acknowledged. Needs a transaction around it.
pub(super) fn read(connection: &Connection, group: i64, after: i64, max: usize) -> rusqlite::Result<Page> {
    let mut query = connection.prepare_cached(
        "SELECT offset, key, attributes, body, envelope FROM log WHERE offset > ?2
         AND NOT EXISTS (SELECT 1 FROM acks WHERE acks.group_id = ?1 AND acks.offset = log.offset)
         ORDER BY offset",
    )?;
    let mut rows = query.query(params![group, after])?;
    let mut deliveries = Vec::new();
    let (mut seen, mut bytes) = (after, 0);
    while let Some(row) = rows.next()? {
        seen = row.get(0)?;
        let tag = DeliveryTag(seen.unsigned_abs());
        let (delivery, size) = delivery(tag, row)?;
        bytes += size;
        deliveries.push(delivery);
        if deliveries.len() >= max || bytes >= MAX_BATCH_BYTES {
            return Ok(Page { deliveries, seen });
        }
    }
    // Acknowledged messages at the end are not looked at again with every wake-up.
    let seen = seen.max(last_offset(connection)?);
    Ok(Page { deliveries, seen })
}

/// The delivery that a row holds, and its size in bytes. An envelope that cannot be read is delivered as a message
/// that is none, so that it spoils nothing else.
fn delivery(tag: DeliveryTag, row: &Row<'_>) -> rusqlite::Result<(Delivery, usize)> {
    let stored = row.get_ref(4)?;
    if stored == ValueRef::Null {
        let message = message(row)?;
        let size = message.body.len();
        return Ok((Delivery::of_message(tag, message), size));
    }
    let json = stored.as_bytes().unwrap_or_default();
    let delivery = match read_envelope(tag, json) {
        Ok(delivery) => delivery,
        Err(why) => Delivery::of_message(tag, Message::of_damaged(text(row, 1)?, json, &why)),
    };
    Ok((delivery, json.len()))
}

/// Checked as text once and not string by string.
fn read_envelope(tag: DeliveryTag, json: &[u8]) -> Result<Delivery, String> {
    let text = std::str::from_utf8(json).map_err(|error| error.to_string())?;
    Delivery::of_json(tag, text).map_err(|error| error.to_string())
}

/// Attributes that are not JSON fail to decode by themselves, and not the batch.
fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let (key, attributes) = (text(row, 1)?, text(row, 2)?);
    match serde_json::from_str(&attributes) {
        Ok(attributes) => Ok(Message {
            key,
            attributes,
            body: row.get_ref(3)?.as_bytes().unwrap_or_default().to_vec(),
        }),
        Err(error) => Ok(Message::of_damaged(key, attributes.as_bytes(), &error.to_string())),
    }
}

fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(column)?.as_bytes().unwrap_or_default();
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

/// 0 where the log is empty. Offsets have no holes, so that it is also the number of messages.
pub(super) fn last_offset(connection: &Connection) -> rusqlite::Result<i64> {
    let mut query = connection.prepare_cached("SELECT coalesce(max(offset), 0) FROM log")?;
    query.query_one([], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::super::database::Database;
    use super::*;

    #[test]
    fn attributes_that_are_not_json_spoil_only_their_own_delivery() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Database::open(folder.path()).unwrap().connect().unwrap();
        for attributes in [r#"{"id":"1"}"#, "no json", r#"{"id":2}"#, ""] {
            let row = params![attributes, b"{}"];
            let insert = "INSERT INTO log (key, attributes, body) VALUES ('a', ?1, ?2)";
            connection.execute(insert, row).unwrap();
        }
        let page = read(&connection, 1, 0, 10).unwrap();
        let damaged = |d: &Delivery| matches!(d.message().to_envelope(), Err(crate::MessageError::Damaged(_)));
        let damaged: Vec<_> = page.deliveries.iter().map(damaged).collect();
        assert_eq!(damaged, [false, true, true, true]);
        assert!(page.deliveries.iter().all(|delivery| delivery.envelope().is_err()));
    }
}
