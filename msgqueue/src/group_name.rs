//! What a group may be called at every broker.

use crate::BrokerError;

const MAX_NAME: usize = 200;

/// # Errors
/// [`BrokerError::Refused`] unless it is 1 to 200 letters, digits, `.`, `_` and `-` of ASCII.
pub(crate) fn check(name: &str) -> Result<(), BrokerError> {
    let fits = (1..=MAX_NAME).contains(&name.len());
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !fits || !name.bytes().all(plain) {
        return Err(BrokerError::Refused(format!(
            "a group's name is 1 to {MAX_NAME} letters, digits, `.`, `_` or `-`, not {name:?}"
        )));
    }
    Ok(())
}
