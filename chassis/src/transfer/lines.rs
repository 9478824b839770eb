//! Envelopes from a file of JSON lines.

use std::io::{self, BufRead, Read};

use contracts::Envelope;
use msgqueue::Message;

/// The longest line that is read. A commit, and so an envelope, has at most 256 KiB.
const MAX_LINE_BYTES: u64 = 2 << 20;

pub(crate) struct Lines<R> {
    reader: R,
    number: u64,
    text: Vec<u8>,
}

/// A line's length in bytes, and the envelope that it holds, or why there is none.
pub(crate) type Line = (u64, Result<Envelope, String>);

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            number: 0,
            text: Vec::new(),
        }
    }

    /// Of the line that was read last, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line that is not empty; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            self.text.clear();
            let read = self
                .reader
                .by_ref()
                .take(MAX_LINE_BYTES)
                .read_until(b'\n', &mut self.text)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if !self.text.trim_ascii().is_empty() {
                return Ok(Some((read as u64, read_line(&self.text))));
            }
        }
    }
}

/// What a line that is no envelope still tells of its place stands before the reason.
fn read_line(text: &[u8]) -> Result<Envelope, String> {
    serde_json::from_slice(text).map_err(|error| {
        let why = format!("it is no envelope: {error}");
        match Message::of_damaged(String::new(), text, &why).place() {
            place if place.is_empty() => why,
            place => format!("{place}: {why}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_line_still_tells_where_it_belongs() {
        let text = br#"{"id":"x","name":"event.booked","stream":"inventory/a","version":17,"commit":{"first":1"#;
        let what = read_line(text).unwrap_err();
        assert!(
            what.starts_with("stream inventory/a, version 17: it is no envelope"),
            "{what}"
        );
        let what = read_line(b"{}").unwrap_err();
        assert!(what.starts_with("it is no envelope"), "{what}");
    }

    #[test]
    fn empty_lines_are_counted_and_passed_over() {
        let mut lines = Lines::new(&b"\n\n{}\n \n"[..]);
        assert!(lines.next().unwrap().is_some_and(|(_, line)| line.is_err()));
        assert_eq!(lines.number(), 3);
        assert!(lines.next().unwrap().is_none());
    }
}
