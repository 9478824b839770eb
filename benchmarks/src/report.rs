//! The table, for the terminal and for the page in `docs`.

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use crate::measures::Options;

/// One measure and what was to be reached.
pub(crate) struct Row {
    pub(crate) name: String,
    /// The figures that the verdict is about, with units.
    pub(crate) figures: String,
    pub(crate) value: f64,
    pub(crate) target: Target,
}

#[derive(Clone, Copy)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
    /// Told for comparison.
    None,
}

impl Target {
    fn verdict(self, value: f64) -> &'static str {
        let is_met = match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
            Self::None => return "",
        };
        if is_met { "yes" } else { "**no**" }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("at least {bound}"),
            Self::AtMost(bound) => format!("at most {bound}"),
            Self::None => String::new(),
        }
    }
}

pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from("| measure | figures | value | target | met |\n|---|---|---|---|---|\n");
    for row in rows {
        let (name, figures) = (&row.name, &row.figures);
        let (target, met) = (row.target.text(), row.target.verdict(row.value));
        text += &format!("| {name} | {figures} | {:.2} | {target} | {met} |\n", row.value);
    }
    text
}

/// `docs/benchmarks.md`.
pub(crate) fn page(options: &Options, rows: &[Row]) -> String {
    let Options {
        turns, seconds, events, ..
    } = options;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "# Benchmarks\n\n\
         Made by `make bench` ({turns} turns, bursts of {seconds} s, {events} events in long lists) on {cores} cores, \
         which clients and platform share.\n\n\
         Machines differ and are noisy: only ratios within one run say something, and each figure is the median of its \
         turns. The bare server is an actix-web handler that parses the same body and answers 201, or answers the same \
         bytes; it keeps nothing. The platform is `myevents serve` as it is released: journal on disk with a full sync \
         before each answer, hash chain, relay, log, and all views and policies of both services at work.\n\n\
         The adapters of RabbitMQ and Kafka are held against the brokers' own clients, lapin and rdkafka. These send the \
         same bytes, made beforehand (rdkafka's headers as text, for it uses them up), with as many confirmations under \
         way, and what they read they only count. \
         librdkafka takes headers apart only for those who ask, as whoever uses a message of ours does. So its client \
         asks for them, and a second line tells of one that does not.\n\n{}",
        table(rows)
    )
}

pub(crate) fn print(text: &str) {
    // Where standard output is closed there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// What is being measured now, for people who wait.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

pub(crate) fn fail(error: &(dyn Error + Send + Sync)) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {error}");
    ExitCode::FAILURE
}
