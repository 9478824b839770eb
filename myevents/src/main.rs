//! One binary: both services in one process, and the operator's commands.
//!
//! It must not hold anything that belongs in a service.

mod demo;
mod load;
mod parked;
mod serve;

use std::fmt::Display;
use std::future::Future;
use std::io::Write;
use std::process::ExitCode;

use chassis::binary;
use chassis::config::Flags;
use clap::{Parser, Subcommand};

/// Create events, book seats: an event-booking platform that never oversells and never loses a booking.
#[derive(Parser)]
#[command(name = "myevents", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole platform: both services in one process
    Serve {
        #[command(flatten)]
        flags: Flags,
    },
    /// Fill a running platform with example locations, events and bookings
    Demo(demo::Options),
    /// Drive a running platform with bookings, and check that nothing was oversold or lost
    Load(load::Options),
    /// List the messages that the services could not apply yet, or publish again what they lack
    Parked(parked::Options),
}

fn main() -> ExitCode {
    match Cli::parse_from(binary::arguments()).command {
        Command::Serve { flags } => serve::run(&flags),
        Command::Demo(options) => execute(demo::run(options)),
        Command::Load(options) => execute(load::run(options)),
        Command::Parked(options) => execute(parked::run(options)),
    }
}

/// Runs a command to its end. Faults are one line on standard error and exit code 1.
fn execute<E: Display>(command: impl Future<Output = Result<(), E>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return binary::fail(&error),
    };
    match runtime.block_on(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => binary::fail(&error),
    }
}

fn print(text: &str) {
    // Where standard output is closed there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Rows with their columns aligned, the first row being the heading.
fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(width);
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}
