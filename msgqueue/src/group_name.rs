//! What a group may be called, at every broker.

use crate::BrokerError;

const MAX: usize = 200;
/// At AMQP a queue of this name keeps the log itself.
const RESERVED: &str = "log";

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
