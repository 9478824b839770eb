//! Numbers, text and sections as bytes.

use bytes::{Buf, Bytes};
use thiserror::Error;

/// More than can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("it has too many bytes to be kept")]
pub struct TooLarge;

/// Takes values off the front; `None` where they are not there.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for place in 0..10 {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// Bytes that [`put_text`] wrote.
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }
}

/// Seven bits to a byte, the lowest first; small numbers take one byte.
pub fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Bytes behind their length.
pub fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Whatever `write` writes, behind its length, for [`take_section`].
///
/// # Errors
/// What `write` fails with.
pub fn put_section<E>(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    write(out)?;
    let length = (out.len() - at - 8) as u64;
    out[at..at + 8].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Takes a section off the front without copying it.
pub fn take_section(bytes: &mut Bytes) -> Option<Bytes> {
    let length = bytes.try_get_u64_le().ok()?;
    let length = usize::try_from(length).ok()?;
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            assert_eq!(Reader(&bytes).number(), Some(number));
            assert_eq!(Reader(&bytes[..bytes.len() - 1]).number(), None, "{number} cut short");
        }
    }

    #[test]
    fn sections_come_back_one_after_the_other() {
        let mut bytes = Vec::new();
        for text in ["one", ""] {
            let write = |out: &mut Vec<u8>| {
                out.extend_from_slice(text.as_bytes());
                Ok::<(), TooLarge>(())
            };
            put_section(&mut bytes, write).unwrap();
        }
        let mut bytes = Bytes::from(bytes);
        assert_eq!(take_section(&mut bytes).unwrap(), "one");
        assert_eq!(take_section(&mut bytes).unwrap(), "");
        assert_eq!(take_section(&mut bytes), None);
    }
}
