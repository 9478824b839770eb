//! Measures the released platform and writes one table, `docs/benchmarks.md`.
//!
//! Machines differ and are noisy, so speed is a ratio: the platform against the least that a server of its kind has to
//! do, and an adapter of a broker against that broker's own client. Both are measured in turn within one run; what counts
//! is the median of several turns.
//!
//! To add a measure: a function in the file of its subject under `measures/`, and a line in `measures::all`.

mod bare;
mod brokers;
mod client;
mod measures;
mod raw;
mod report;
mod subjects;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

use crate::measures::Options;

/// As the platform has it: adapters are measured in this process.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measure the released platform
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the benchmarks and print their table
    Run {
        /// Only the measure of this name, or all whose names have this in them
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
        /// Turns that the median is taken of
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
        turns: u32,
        /// Length of bursts in seconds
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
        seconds: u64,
        /// Events that long lists have
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000))]
        events: u64,
        /// Envelopes that are rebuilt and verified
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=10_000_000))]
        envelopes: u64,
        /// Messages that adapters of brokers send and read
        #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(10_000..=5_000_000))]
        messages: u64,
        /// Also write the table to this file
        #[arg(long, value_name = "FILE")]
        write: Option<PathBuf>,
    },
    /// Serve as the server that others are held against
    Bare,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Bare => actix_web::rt::System::new().block_on(bare::serve()),
        Command::Run {
            only,
            turns,
            seconds,
            events,
            envelopes,
            messages,
            write,
        } => {
            let options = Options {
                only,
                turns,
                seconds,
                events: usize::try_from(events).unwrap_or(usize::MAX),
                envelopes,
                messages: usize::try_from(messages).unwrap_or(usize::MAX),
            };
            run(options, write)
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::fail(&*error),
    }
}

fn run(options: Options, write: Option<PathBuf>) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let rows = runtime.block_on(measures::all(&options))?;
    report::print(&report::table(&rows));
    if let Some(file) = write {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(file, report::page(&options, &rows))?;
    }
    Ok(())
}
