//! What a run prints: bars on standard error while it lasts, and a table at the end.

use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::Options;
use super::clients::Ran;
use super::tally::Tally;
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
        Some(rate) => format!("{rate} bookings a second over {connections} connections"),
        None => format!("{connections} clients, each as fast as it is answered"),
    };
    format!("Booking {what} for {seconds} s: {pace}; seed {seed}\n")
}

pub(crate) fn results(options: &Options, ran: &Ran) -> String {
    let tally = &ran.tally;
    let a_second = |number: u64| format!("{:.1}", number as f64 / ran.took.as_secs_f64().max(0.001));
    let count = |number: u64| HumanCount(number).to_string();
    let mut rows = vec![
        row("requests", count(tally.requests())),
        row("booked", count(tally.booked)),
        row("refused 409", count(tally.refused)),
        row("other answers", others(tally)),
        row("connection errors", count(tally.connection_errors)),
        row("bookings a second", a_second(tally.booked)),
        row("seats a second", a_second(tally.seats)),
    ];
    if options.cancel > 0 {
        rows.push(row("cancelled again", count(tally.cancelled)));
    }
    if let Some(rate) = options.rate {
        let missed = (rate * options.seconds).saturating_sub(tally.requests());
        rows.push(row("due but not sent", count(missed)));
    }
    rows.extend(latencies(tally));
    format!("{}\n", output::table(&rows))
}

fn row(name: &str, value: String) -> [String; 2] {
    [name.to_owned(), value]
}

fn others(tally: &Tally) -> String {
    let texts: Vec<String> = tally
        .others
        .iter()
        .map(|(status, count)| format!("{status}: {count}"))
        .collect();
    if texts.is_empty() {
        "0".to_owned()
    } else {
        texts.join(", ")
    }
}

fn latencies(tally: &Tally) -> Vec<[String; 2]> {
    let quantile = |name, quantile| row(name, milliseconds(tally.latencies.value_at_quantile(quantile)));
    vec![
        quantile("p50", 0.5),
        quantile("p90", 0.9),
        quantile("p99", 0.99),
        quantile("p99.9", 0.999),
        row("max", milliseconds(tally.latencies.max())),
    ]
}

fn milliseconds(microseconds: u64) -> String {
    format!("{:.2} ms", Duration::from_micros(microseconds).as_secs_f64() * 1_000.0)
}
