//! Ctrl-C and SIGTERM for commands that have something to tidy up: the first one asks, the second one ends.

use std::io;
use std::process;

use chassis::shutdown::Shutdown;
use tokio_util::sync::CancellationToken;

/// As shells tell a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// Cancelled by the first signal. The second one ends the process, whatever it hangs in.
pub(crate) fn token() -> io::Result<CancellationToken> {
    let mut first = Shutdown::listen()?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        first.requested().await;
        stopped.cancel();
        if let Ok(mut second) = Shutdown::listen() {
            second.requested().await;
            process::exit(INTERRUPTED);
        }
    });
    Ok(stop)
}
