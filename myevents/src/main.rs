//! One binary: both services in one process, and the operator's commands.
//!
//! It must not hold anything that belongs in a service.

mod api;
mod demo;
mod export;
mod interrupt;
mod load;
mod move_store;
mod output;
mod page;
mod parked;
mod rebuild;
mod republish;
mod restore;
mod serve;
mod services;
mod verify;

use std::process::ExitCode;

use chassis::binary;
use chassis::config::Flags;
use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

/// A third of a booking's time went into the system's allocator before.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

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
    /// Build a service's views anew from the log, and let them take over; the service may run meanwhile
    Rebuild(rebuild::Options),
    /// Prove a service's journal, and its views against the log, or an exported log by itself
    Verify(verify::Options),
    /// Write the log as JSON lines, one envelope each
    Export(export::Options),
    /// Publish what the journals hold to a broker that does not have it
    Republish(republish::Options),
    /// Fill a service's empty journal from an exported log
    Restore(restore::Options),
    /// Copy a service's data to an empty store of another kind or place, and compare both
    Move(move_store::Options),
}

fn main() -> ExitCode {
    match Cli::parse_from(binary::arguments()).command {
        Command::Serve { flags } => serve::run(&flags),
        Command::Demo(options) => binary::run(demo::run(options)),
        Command::Load(options) => binary::run(load::run(options)),
        Command::Parked(options) => binary::run(parked::run(options)),
        Command::Rebuild(options) => binary::run(rebuild::run(options)),
        Command::Verify(options) => binary::run(verify::run(options)),
        Command::Export(options) => binary::run(export::run(options)),
        Command::Republish(options) => binary::run(republish::run(options)),
        Command::Restore(options) => binary::run(restore::run(options)),
        Command::Move(options) => binary::run(move_store::run(options)),
    }
}
