//! What a group may be called, at every broker, and whether that says how long it is needed.

use crate::BrokerError;

const MAX: usize = 200;
/// At AMQP a queue of this name keeps the log itself.
const RESERVED: &str = "log";

const TEMPORARY: &str = "temporary.";

/// Names a group that whoever reads by it drops again, `purpose` being what a group may be called. Where it dies over
/// that, a broker that keeps messages for each group forgets this one when nobody has read for a day.
pub fn temporary(purpose: &str) -> String {
    format!("{TEMPORARY}{purpose}")
}

/// Of no use where a group is a number in the log.
#[cfg(feature = "amqp")]
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY)
}

/// # Errors
/// [`BrokerError::Refused`] unless it is 1 to 200 letters, digits, `.`, `_` and `-` of ASCII, and not `log`.
pub(crate) fn check(name: &str) -> Result<(), BrokerError> {
    let fits = (1..=MAX).contains(&name.len());
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !fits || !name.bytes().all(plain) || name == RESERVED {
        return Err(BrokerError::Refused(format!(
            "a group's name is 1 to {MAX} letters, digits, `.`, `_` or `-`, and not `{RESERVED}`; it is not {name:?}"
        )));
    }
    Ok(())
}
