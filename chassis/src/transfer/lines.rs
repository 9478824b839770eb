//! Envelopes from a file of JSON lines.

use std::io::{self, BufRead, Read};

use contracts::Envelope;

/// The longest line that is read. A commit, and so an envelope, has at most 256 KiB.
const MAX_LINE_BYTES: u64 = 2 << 20;

pub(crate) struct Lines<R> {
    reader: R,
    number: u64,
    text: Vec<u8>,
}

/// A line that is no envelope, and what of it can be told all the same.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) why: String,
    pub(crate) stream: Option<String>,
    pub(crate) version: Option<u64>,
}

/// A line's length in bytes, and what it holds.
pub(crate) type Line = (u64, Result<Envelope, Unreadable>);

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

fn read_line(text: &[u8]) -> Result<Envelope, Unreadable> {
    serde_json::from_slice(text).map_err(|error| {
        let text = String::from_utf8_lossy(text);
        Unreadable {
            why: format!("it is no envelope: {error}"),
            stream: behind(&text, "\"stream\":\"").and_then(|rest| Some(rest.split_once('"')?.0.to_owned())),
            version: behind(&text, "\"version\":").and_then(leading_number),
        }
    })
}

/// A damaged line may still show in the open what a look-up would not find.
fn behind<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    Some(text.split_once(key)?.1)
}

fn leading_number(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

impl Unreadable {
    /// Where the envelope belongs, as far as can be told.
    pub(crate) fn what(&self) -> String {
        let version = self
            .version
            .map(|version| format!(", version {version}"))
            .unwrap_or_default();
        match &self.stream {
            Some(stream) => format!("stream {stream}{version}: {}", self.why),
            None => self.why.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_line_still_tells_where_it_belongs() {
        let text = br#"{"id":"x","name":"event.booked","stream":"inventory/a","version":17,"commit":{"first":1"#;
        let unreadable = read_line(text).unwrap_err();
        let what = unreadable.what();
        assert!(
            what.starts_with("stream inventory/a, version 17: it is no envelope"),
            "{what}"
        );
        let what = read_line(b"{}").unwrap_err().what();
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
