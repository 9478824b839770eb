//! How each part of a service feels, as it said itself last. Asking costs nothing and disturbs nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Ok,
    /// Works, but something behind it does not: what it lacks comes later, nothing is lost.
    Degraded,
    /// Does not work yet, or any more.
    Down,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartHealth {
    pub state: State,
    /// What is wrong; absent when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl PartHealth {
    pub fn down(detail: &str) -> Self {
        Self {
            state: State::Down,
            detail: Some(detail.to_owned()),
        }
    }
}

/// All parts of one service. Cheap to clone.
#[derive(Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<String, PartHealth>>>,
}

/// One part's way to say how it is.
#[derive(Clone)]
pub struct Part {
    name: String,
    health: Health,
}

impl Health {
    /// Adds a part; it is down until it says otherwise.
    pub fn part(&self, name: impl Into<String>) -> Part {
        let part = Part {
            name: name.into(),
            health: self.clone(),
        };
        part.say(State::Down, Some("starting".to_owned()));
        part
    }

    pub fn parts(&self) -> BTreeMap<String, PartHealth> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Part {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn ok(&self) {
        self.say(State::Ok, None);
    }

    pub fn degraded(&self, detail: String) {
        self.say(State::Degraded, Some(detail));
    }

    /// Until the service is started anew.
    pub fn down(&self, detail: String) {
        self.say(State::Down, Some(detail));
    }

    fn say(&self, state: State, detail: Option<String>) {
        let mut parts = self.health.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(self.name.clone(), PartHealth { state, detail });
    }
}
