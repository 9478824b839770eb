//! How many files and connections the process may have open. Systems begin with few and let each process have more.

use tracing::warn;

/// Where nothing is known.
const USUAL: usize = 1_024;
/// Fewer are worth a warning.
const FEW: usize = 1_000;

/// How many there may be beside so many others, of which half of all is enough where there are only few. Raises the limit
/// as far as the system lets.
pub fn left_by(others: usize) -> usize {
    let limit = raise_limit();
    let left = limit - others.min(limit / 2);
    if left < FEW {
        warn!(
            limit,
            "the limit of open files (ulimit -n) is low, so few streams may be open"
        );
    }
    left
}

#[cfg(unix)]
fn raise_limit() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};

    // What systems let that have no limit of their own, and refuse to let go of this one.
    const COMMON: u64 = 10_240;
    let limit = getrlimit(Resource::Nofile);
    let raised = [limit.maximum, Some(COMMON)].into_iter().find(|wanted| {
        let mut raised = getrlimit(Resource::Nofile);
        raised.current = *wanted;
        setrlimit(Resource::Nofile, raised).is_ok()
    });
    // None is no limit.
    let reached = raised.unwrap_or(limit.current);
    reached.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(USUAL))
}

#[cfg(not(unix))]
fn raise_limit() -> usize {
    USUAL
}
