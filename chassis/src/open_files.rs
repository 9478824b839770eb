//! How many files and connections the process may have open. Systems begin with few and let each process have more.

use tracing::warn;

/// Where nothing is known.
const USUAL: usize = 1_024;

/// Raises the limit as far as the system lets. Returns it.
#[cfg(unix)]
pub fn raise_limit() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    let reached = match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.maximum,
        Err(error) => {
            warn!(%error, "the limit of open files stays as it is");
            before
        }
    };
    // None is no limit.
    reached.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(USUAL))
}

#[cfg(not(unix))]
pub fn raise_limit() -> usize {
    USUAL
}
