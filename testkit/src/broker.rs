//! Which broker the platform under test uses: the embedded one, or the one that `MYEVENTS_TEST_BROKER` (`amqp`, `kafka`)
//! names. Tests do not know the difference.

use std::env;
use std::path::Path;

use crate::servers::{Kind, shared_url};

/// The URL of a place of its own for what lives in `folder`, the same each time. Blocks until the broker is there.
pub fn broker_url(folder: &Path) -> String {
    broker_server(folder).unwrap_or_else(|| format!("embedded:{}", folder.join("broker").display()))
}

/// The same, where it is not the embedded one.
pub fn broker_server(folder: &Path) -> Option<String> {
    let name = env::var("MYEVENTS_TEST_BROKER").ok().filter(|name| !name.is_empty())?;
    let place = place_of(folder);
    match name.as_str() {
        "amqp" => Some(format!("{}?exchange={place}", shared_url(Kind::RabbitMq))),
        "kafka" => Some(format!("{}?topic={place}", shared_url(Kind::Kafka))),
        other => panic!("MYEVENTS_TEST_BROKER: `{other}` is neither amqp nor kafka"),
    }
}

/// Folders of tests have names that are used once.
fn place_of(folder: &Path) -> String {
    let name = folder.to_string_lossy();
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    format!("test-{plain}")
}
