//! Guests book without being registered. A guest's id is a random 128-bit secret: whoever knows it is that guest.

const PREFIX: &str = "guest-";
/// What the public sees in place of a guest's id.
pub(crate) const MASKED: &str = "guest";

pub(crate) fn new_id() -> String {
    id_of(rand::random())
}

pub(crate) fn is_guest(id: &str) -> bool {
    let secret = id.strip_prefix(PREFIX);
    secret.is_some_and(|secret| secret.len() == 32 && secret.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// The 128 bits of a guest's id that is written as [`new_id`] writes it.
pub(crate) fn secret_of(id: &str) -> Option<u128> {
    let secret = u128::from_str_radix(id.strip_prefix(PREFIX)?, 16).ok()?;
    let lower = !id.bytes().any(|byte| byte.is_ascii_uppercase());
    (is_guest(id) && lower).then_some(secret)
}

pub(crate) fn id_of(secret: u128) -> String {
    format!("{PREFIX}{secret:032x}")
}

/// A user's id as the public may know it.
pub(crate) fn masked(id: &str) -> &str {
    if is_guest(id) { MASKED } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_are_told_from_users_and_masked() {
        let id = new_id();
        assert!(is_guest(&id));
        assert_ne!(id, new_id());
        assert_eq!(masked(&id), "guest");
        assert_eq!(masked("u-1"), "u-1");
        assert!(!is_guest("guest-1"));
        assert_eq!(id_of(secret_of(&id).unwrap()), id);
        assert_eq!(secret_of(&id.to_uppercase().replace("GUEST", "guest")), None);
    }
}
