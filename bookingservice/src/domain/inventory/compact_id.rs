//! Ids of bookings and users in as few bytes as they need. Most are UUIDs or guests' ids, which are 128 bits in text.

use std::sync::Arc;

use chassis::packed::{Key, Reader, put_text};
use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::domain::guest;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum CompactId {
    Uuid([u8; 16]),
    Guest([u8; 16]),
    /// Any other text, as ids of other systems are.
    Text(Arc<str>),
}

const UUID: u8 = 0;
const GUEST: u8 = 1;
const TEXT: u8 = 2;

impl CompactId {
    /// Different texts are different ids, and [`CompactId::to_text`] gives the text back.
    pub(super) fn of(text: &str) -> Self {
        if let Some(uuid) = uuid_of(text) {
            return Self::Uuid(*uuid.as_bytes());
        }
        match guest::secret_of(text) {
            Some(secret) => Self::Guest(secret.to_be_bytes()),
            None => Self::Text(text.into()),
        }
    }

    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Uuid(bytes) => Uuid::from_bytes(*bytes).to_string(),
            Self::Guest(secret) => guest::id_of(u128::from_be_bytes(*secret)),
            Self::Text(text) => text.as_ref().to_owned(),
        }
    }

    pub(super) fn of_parts(kind: u8, content: &[u8]) -> Option<Self> {
        match kind {
            UUID => Some(Self::Uuid(content.try_into().ok()?)),
            GUEST => Some(Self::Guest(content.try_into().ok()?)),
            TEXT => Some(Self::Text(std::str::from_utf8(content).ok()?.into())),
            _ => None,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let (kind, content) = self.parts();
        out.push(kind);
        put_text(out, content);
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Option<Self> {
        let kind = bytes.byte()?;
        Self::of_parts(kind, bytes.text()?)
    }
}

impl Key for CompactId {
    fn parts(&self) -> (u8, &[u8]) {
        match self {
            Self::Uuid(bytes) => (UUID, bytes),
            Self::Guest(secret) => (GUEST, secret),
            Self::Text(text) => (TEXT, text.as_bytes()),
        }
    }
}

/// A UUID in the one spelling in which it is written; in another one it is just a text.
fn uuid_of(text: &str) -> Option<Uuid> {
    if text.len() != Hyphenated::LENGTH {
        return None;
    }
    let uuid = Uuid::try_parse(text).ok()?;
    let spelled = uuid.hyphenated();
    (spelled.encode_lower(&mut [0; Hyphenated::LENGTH]) == text).then_some(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_comes_back_as_it_was_spelled() {
        let uuid = Uuid::now_v7().to_string();
        let guest = guest::new_id();
        let others = [
            "",
            "3",
            "guest-",
            "guest-+0000000000000000000000000000001",
            &uuid.to_uppercase(),
        ];
        let others = others.map(str::to_owned);
        assert!(matches!(CompactId::of(&uuid), CompactId::Uuid(_)));
        assert!(matches!(CompactId::of(&guest), CompactId::Guest(_)));
        for text in others
            .iter()
            .chain([&uuid, &guest, &uuid.replace('-', ""), &guest.to_uppercase()])
        {
            let id = CompactId::of(text);
            assert_eq!(id.to_text(), *text);
            let mut bytes = Vec::new();
            id.write(&mut bytes);
            assert_eq!(CompactId::read(&mut Reader(&bytes)), Some(id));
        }
    }
}
