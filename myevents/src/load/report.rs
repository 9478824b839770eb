//! What a run prints: bars on standard error while it lasts, and tables at the end.

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::Options;
use super::summary::{Quantiles, Summary};
use super::targets::Target;
use crate::output;

/// Draws on standard error, and nowhere if that is no terminal.
pub(crate) fn counting_bar(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {msg}");
    let bar = ProgressBar::new(length).with_prefix(what);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

pub(crate) fn heading(options: &Options, targets: &[Target], seed: u64) -> String {
    let what = match targets {
        [target] => format!("event {}", target.id),
        _ => format!("{} events", targets.len()),
    };
    let (connections, seconds) = (options.connections, options.seconds);
    let pace = match options.rate {
        Some(rate) => format!("{rate} requests a second over {connections} connections"),
        None => format!("{connections} clients, each as fast as it is answered"),
    };
    format!("Loading {what} for {seconds} s: {pace}; seed {seed}\n")
}

pub(crate) fn results(summary: &Summary) -> String {
    format!("{}\n{}\n", counts(summary), latencies(summary))
}

fn counts(summary: &Summary) -> String {
    let count = |number: u64| HumanCount(number).to_string();
    let mut rows = vec![
        row("requests", count(summary.requests)),
        row("booked", count(summary.booked)),
        row("refused 409", count(summary.refused)),
        row("other answers", others(summary)),
        row("connection errors", count(summary.connection_errors)),
        row("bookings a second", format!("{:.1}", summary.a_second(summary.booked))),
        row("seats a second", format!("{:.1}", summary.a_second(summary.seats))),
    ];
    if summary.cancel_percent > 0 {
        rows.push(row("cancelled again", count(summary.cancelled)));
    }
    if let Some(missed) = summary.due_but_not_sent {
        rows.push(row("due but not sent", count(missed)));
    }
    output::table(&rows)
}

fn row(name: &str, value: String) -> [String; 2] {
    [name.to_owned(), value]
}

fn others(summary: &Summary) -> String {
    let answers = summary.other_answers.iter();
    let texts: Vec<String> = answers.map(|(status, count)| format!("{status}: {count}")).collect();
    if texts.is_empty() {
        "0".to_owned()
    } else {
        texts.join(", ")
    }
}

fn latencies(summary: &Summary) -> String {
    let mut rows = vec![["MILLISECONDS", "P50", "P90", "P99", "P99.9", "MAX"].map(str::to_owned)];
    rows.push(times(summary.model.measured(), &summary.response));
    for operation in &summary.operations {
        let name = operation.operation.name();
        rows.push(times(&format!("{name}, from sending"), &operation.service));
        let due = operation.response.iter();
        rows.extend(due.map(|response| times(&format!("{name}, from when it was due"), response)));
    }
    output::table(&rows)
}

fn times(name: &str, quantiles: &Quantiles) -> [String; 6] {
    let time = |milliseconds: f64| format!("{milliseconds:.2}");
    let Quantiles {
        p50,
        p90,
        p99,
        p999,
        max,
        ..
    } = *quantiles;
    [name.to_owned(), time(p50), time(p90), time(p99), time(p999), time(max)]
}
