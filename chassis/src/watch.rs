//! Background work that ends by a panic is missed by nobody until much later, so it is told at once: by health, where an
//! orchestrator sees it and starts the service anew, and by one line in the log.
//!
//! It must not know what the work is, and it does not begin it again: what has panicked once would do so again.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use tracing::error;

use crate::health::Part;

/// Works until that ends, or panics.
pub(crate) async fn watched(part: Part, work: impl Future<Output = ()>) {
    // Nothing of the work is used again, whatever state it was left in.
    if AssertUnwindSafe(work).catch_unwind().await.is_err() {
        error!(
            part = part.name(),
            "has panicked and works no more; start the service anew"
        );
        part.down("has panicked and works no more".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Health, State};

    #[tokio::test]
    async fn a_panic_is_told() {
        let health = Health::default();
        let state = || health.parts()["relay"].state;
        let part = health.part("relay");
        part.ok();
        watched(part.clone(), async {}).await;
        assert_eq!(state(), State::Ok);
        watched(part, async { panic!("on purpose") }).await;
        assert_eq!(state(), State::Down);
    }
}
