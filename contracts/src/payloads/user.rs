use serde::{Deserialize, Serialize};

/// `user.registered`. Names stay out of the log, so that they can be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRegistered {
    pub id: String,
}
