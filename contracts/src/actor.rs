use std::fmt;

use serde::{Deserialize, Serialize};

/// Who caused a domain event: a user's id, a guest's id, or `system` for a policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(String);

impl Actor {
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The platform itself: policies, and requests that name nobody.
    pub fn system() -> Self {
        Self("system".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
