//! One binary: both services in one process, and the operator's commands.
//!
//! It must not hold anything that belongs in a service.

mod serve;

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
}

fn main() -> ExitCode {
    match Cli::parse_from(binary::arguments()).command {
        Command::Serve { flags } => serve::run(&flags),
    }
}
