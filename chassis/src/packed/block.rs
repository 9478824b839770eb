//! Entries in the order of their keys, each found without decoding the others.
//!
//! ```text
//! number of entries      u32, little endian
//! ends of the entries    u32 each, counted from the start of the first one
//! entries                kind of key (one byte), key behind its length, value
//! ```

use bytes::Bytes;

use super::Value;
use super::bytes::{Reader, TooLarge, put_text};

const NUMBER: usize = size_of::<u32>();

#[derive(Debug, Clone, Default)]
pub(super) struct Block {
    bytes: Bytes,
    count: usize,
}

type Entry<'a> = ((u8, &'a [u8]), Reader<'a>);

impl Block {
    /// `None` where the bytes are no block. Checks where entries end, not what is in them.
    pub(super) fn open(bytes: Bytes) -> Option<Self> {
        let count = usize::try_from(number_at(&bytes, 0)?).ok()?;
        let start = count.checked_add(1)?.checked_mul(NUMBER)?;
        let length = bytes.len().checked_sub(start)?;
        let block = Self { bytes, count };
        let mut last = 0;
        for index in 0..count {
            let end = block.end(index)?;
            if end < last {
                return None;
            }
            last = end;
        }
        (last == length).then_some(block)
    }

    /// The value of the entry with this key.
    pub(super) fn find(&self, key: (u8, &[u8])) -> Option<Reader<'_>> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            let (found, value) = self.entry(middle)?;
            match found.cmp(&key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(value),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.count).filter_map(|index| self.entry(index))
    }

    fn entry(&self, index: usize) -> Option<Entry<'_>> {
        let start = (self.count + 1) * NUMBER;
        let from = index.checked_sub(1).map_or(Some(0), |before| self.end(before))?;
        let mut entry = Reader(self.bytes.get(start + from..start + self.end(index)?)?);
        let kind = entry.byte()?;
        Some(((kind, entry.text()?), entry))
    }

    fn end(&self, index: usize) -> Option<usize> {
        usize::try_from(number_at(&self.bytes, (index + 1) * NUMBER)?).ok()
    }
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    let number = bytes.get(at..at + NUMBER)?;
    Some(u32::from_le_bytes(number.try_into().ok()?))
}

/// Takes entries in the order of their keys.
#[derive(Default)]
pub(super) struct BlockWriter {
    ends: Vec<usize>,
    entries: Vec<u8>,
}

impl BlockWriter {
    pub(super) fn push<V: Value>(&mut self, (kind, content): (u8, &[u8]), value: &V) {
        self.entries.push(kind);
        put_text(&mut self.entries, content);
        value.write(&mut self.entries);
        self.ends.push(self.entries.len());
    }

    pub(super) fn finish(self, out: &mut Vec<u8>) -> Result<(), TooLarge> {
        let number = |number: usize| u32::try_from(number).map_err(|_| TooLarge);
        number(self.entries.len())?;
        out.reserve((self.ends.len() + 1) * NUMBER + self.entries.len());
        out.extend_from_slice(&number(self.ends.len())?.to_le_bytes());
        for end in self.ends {
            out.extend_from_slice(&number(end)?.to_le_bytes());
        }
        out.extend_from_slice(&self.entries);
        Ok(())
    }
}
