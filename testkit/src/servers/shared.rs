use std::env;
use std::sync::OnceLock;

use tokio::task::spawn_blocking;

use super::{Kind, Server};

/// The URL of the server that all tests of this run share: the one that [`Kind::variable`] names, or one that is started
/// for this process.
pub async fn shared(kind: Kind) -> String {
    match env::var(kind.variable()) {
        Ok(url) => url,
        Err(_) => spawn_blocking(move || started(kind).url()).await.unwrap(),
    }
}

fn started(kind: Kind) -> &'static Server {
    static KAFKA: OnceLock<Server> = OnceLock::new();
    static RABBITMQ: OnceLock<Server> = OnceLock::new();
    let cell = match kind {
        Kind::Kafka => &KAFKA,
        Kind::RabbitMq => &RABBITMQ,
    };
    cell.get_or_init(|| Server::start_plain(kind))
}
