//! Which broker the platform under test uses: the embedded one, or the one that `MYEVENTS_TEST_BROKER` (`amqp`, `kafka`)
//! names. Tests do not know the difference.

use std::env;
use std::path::Path;

use crate::place::place_of;
use crate::servers::{Kind, shared_url};

/// The URL of a place of its own for what lives in `folder`, the same each time. Blocks until the broker is there.
pub fn broker_url(folder: &Path) -> String {
    server_url(folder).unwrap_or_else(|| format!("embedded:{}", folder.join("broker").display()))
}

/// What a process that lives in `folder` has to be told of it.
pub(crate) fn broker_variable(folder: &Path) -> Option<(&'static str, String)> {
    server_url(folder).map(|url| ("MYEVENTS_BROKER", url))
}

fn server_url(folder: &Path) -> Option<String> {
    let name = env::var("MYEVENTS_TEST_BROKER").ok().filter(|name| !name.is_empty())?;
    let kind = match name.as_str() {
        "amqp" => Kind::RabbitMq,
        "kafka" => Kind::Kafka,
        other => panic!("MYEVENTS_TEST_BROKER: `{other}` is neither amqp nor kafka"),
    };
    Some(kind.place(&shared_url(kind), &place_of(folder)))
}
