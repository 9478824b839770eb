//! The hash chain: a changed, lost or swapped envelope breaks every hash behind it.

use std::borrow::Borrow;
use std::fmt;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::canonical;
use crate::{Envelope, StreamId, Unsealed};

/// SHA-256 over the previous envelope's hash followed by this one's canonical JSON (RFC 8785). 64 hex digits in text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What version 1 of a stream is chained to.
    pub const GENESIS: Hash = Hash([0; 32]);

    pub(crate) fn chain(previous: &Hash, unsealed: &Unsealed) -> Hash {
        let mut digest = Context::new(&SHA256);
        digest.update(&previous.0);
        digest.update(&canonical::json(unsealed));
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.finish().as_ref());
        Hash(bytes)
    }

    pub fn parse(text: &str) -> Option<Hash> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Hash(bytes))
    }

    /// Its first eight bytes: enough to tell it from a hash that came about by accident.
    pub fn prefix(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        [a, b, c, d, e, f, g, h]
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Hash::parse(&text).ok_or_else(|| de::Error::custom("a hash is 64 hex digits"))
    }
}

/// Where a run of envelopes stops being one stream's unbroken chain.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("stream {stream}, version {version}: {fault}")]
pub struct BrokenChain {
    pub stream: StreamId,
    pub version: u64,
    pub fault: &'static str,
}

/// Checks that `envelopes` follow `previous` (the version and hash before them) without a gap and hash for hash.
///
/// Returns the last version and hash, to go on from.
pub fn verify_chain<E: Borrow<Envelope>>(previous: (u64, Hash), envelopes: &[E]) -> Result<(u64, Hash), BrokenChain> {
    let mut at = previous;
    for envelope in envelopes {
        let envelope = envelope.borrow();
        let broken = |fault| BrokenChain {
            stream: envelope.stream.clone(),
            version: envelope.version,
            fault,
        };
        if envelope.version != at.0 + 1 {
            return Err(broken("the version does not follow the one before it"));
        }
        if !envelope.follows(&at.1) {
            return Err(broken("the hash does not match the content and the hash before it"));
        }
        at = (envelope.version, envelope.hash);
    }
    Ok(at)
}
