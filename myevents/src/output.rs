//! What commands print for people.

use std::io::Write;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

pub(crate) fn print(text: &str) {
    // Where standard output is closed there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// On standard error, where standard output is for something else.
pub(crate) fn note(text: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Counts towards a number that may change. Draws on standard error, and nowhere if that is no terminal.
pub(crate) fn bar(length: u64, what: &'static str) -> ProgressBar {
    drawn(
        length,
        what,
        "{prefix} {bar:30} {human_pos}/{human_len} {per_sec} {msg}",
    )
}

/// Counts bytes of a file.
pub(crate) fn file_bar(length: u64, what: &'static str) -> ProgressBar {
    drawn(length, what, "{prefix} {bar:30} {bytes}/{total_bytes} {msg}")
}

/// Counts what has no known end.
pub(crate) fn counter(what: &'static str) -> ProgressBar {
    drawn(0, what, "{prefix} {spinner} {human_pos} {per_sec} {msg}")
}

fn drawn(length: u64, what: &'static str, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    let bar = ProgressBar::new(length).with_prefix(what);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

pub(crate) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// `1 document`, `2 documents`.
pub(crate) fn plural(number: u64, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {what}{ending}", count(number))
}

/// How much a second, in whole numbers.
pub(crate) fn rate(number: u64, took: Duration) -> String {
    count((number as f64 / took.as_secs_f64().max(0.001)) as u64)
}

/// Rows with their columns aligned, the first row being the heading.
pub(crate) fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}
