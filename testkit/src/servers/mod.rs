//! Real servers for tests: found, installed where they are missing, started with ports and folders of their own, and
//! gone afterwards, even when the test's process is killed.
//!
//! [`shared`] gives the address of the one instance that all tests of a run use; names keep them apart. A test that
//! hurts its server starts a [`Server`] of its own, which can be stopped, killed, paused and cut off.
//!
//! To add a server: one module with its [`Recipe`] and one line in [`Kind`]. Servers know nothing of the platform.

mod collector;
mod guardian;
mod install;
mod kafka;
pub(crate) mod mongodb;
mod nginx;
mod ports;
mod process;
mod prometheus;
mod proxy;
mod rabbitmq;
mod server;
mod shared;

pub use collector::Collector;
pub use mongodb::ReplicaSet;
pub use nginx::{Nginx, Replicas};
pub use prometheus::Prometheus;
pub use server::{Place, Recipe, Server};
pub use shared::{shared, shared_url};

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Kafka,
    MongoDb,
    RabbitMq,
}

impl Kind {
    fn recipe(self) -> Recipe {
        match self {
            Self::Kafka => kafka::recipe(),
            Self::MongoDb => mongodb::recipe(),
            Self::RabbitMq => rabbitmq::recipe(),
        }
    }

    /// The environment variable that names a server which is there already, as its URL: no other is started.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Kafka => "MYEVENTS_TEST_KAFKA",
            Self::MongoDb => "MYEVENTS_TEST_MONGODB",
            Self::RabbitMq => "MYEVENTS_TEST_AMQP",
        }
    }

    /// The URL of a place of its own at the server of this URL.
    pub fn place(self, url: &str, name: &str) -> String {
        match self {
            Self::Kafka => format!("{url}?topic={name}"),
            Self::MongoDb => {
                let (server, options) = url.split_once('?').unwrap_or((url, ""));
                format!("{}/{name}?{options}", server.trim_end_matches('/'))
            }
            Self::RabbitMq => format!("{url}?exchange={name}"),
        }
    }
}
