//! Logs go to standard output, one line each, for people or as JSON.
//!
//! Services log. The operator's commands do not: they print what they find, and their error is one line.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::Logging;

/// Sets up logging for the process. A second call changes nothing.
pub fn start(logging: &Logging) {
    let filter = EnvFilter::try_new(&logging.filter).unwrap_or_default();
    let colours = std::io::stdout().is_terminal();
    let logs = fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stdout);
    // Fails only where logging is set up already, as in tests.
    let _ = if logging.json {
        logs.json().try_init()
    } else {
        logs.with_target(false).try_init()
    };
}
