use std::env;
use std::sync::OnceLock;

use tokio::task::spawn_blocking;

use super::{Kind, Server};

/// The URL of the server that all tests of this run share: the one that [`Kind::variable`] names, or one that is started
/// for this process.
pub async fn shared(kind: Kind) -> String {
    spawn_blocking(move || shared_url(kind)).await.unwrap()
}

/// The same; blocks until the server is ready.
pub fn shared_url(kind: Kind) -> String {
    env::var(kind.variable()).unwrap_or_else(|_| started(kind).url())
}

fn started(kind: Kind) -> &'static Server {
    static KAFKA: OnceLock<Server> = OnceLock::new();
    static MONGODB: OnceLock<Server> = OnceLock::new();
    static RABBITMQ: OnceLock<Server> = OnceLock::new();
    let cell = match kind {
        Kind::Kafka => &KAFKA,
        Kind::MongoDb => &MONGODB,
        Kind::RabbitMq => &RABBITMQ,
    };
    cell.get_or_init(|| Server::start_plain(kind))
}
