//! `amqp://USER:PASSWORD@HOST:PORT/VHOST?NAME=VALUE`, after <https://www.rabbitmq.com/docs/uri-spec>.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use lapin::uri::AMQPUri;
use url::{Host, Url};

use crate::{EventNames, UrlError};

/// Seconds without a sign of life, after which a connection counts as dead twice over.
const HEARTBEAT: u16 = 10;
const CONNECTION_TIMEOUT_MS: u64 = 10_000;
/// As RabbitMQ's own clients spell them, with the least and the most that each may be. AMQP 0.9.1 (4.2.3) wants frames of
/// 4,096 bytes, and the driver makes room for 64 of the largest; a process has a few channels for each group.
const NUMBERS: [(&str, u64, u64); 4] = [
    ("heartbeat", 0, 65_535),
    ("connection_timeout", 1, 600_000),
    ("channel_max", 64, 65_535),
    ("frame_max", 4_096, 1_048_576),
];

/// Where RabbitMQ is, and what is ours there.
///
/// Beside what the specification lists, the query may have `exchange` (by default `events`), `names` (`dotted`, the
/// default, or `camel`: how names of events are written) and `cacertfile`.
#[derive(Clone)]
pub struct AmqpUrl {
    pub(super) uri: AMQPUri,
    pub(super) exchange: String,
    pub(super) names: EventNames,
    /// A PEM file of the certificates that may sign RabbitMQ's, beside those of the system.
    pub(super) roots: Option<PathBuf>,
}

impl FromStr for AmqpUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let url = Url::parse(text).map_err(|fault| UrlError::new("the URL", format!("cannot be read: {fault}")))?;
        for (name, value) in url.query_pairs() {
            check_number(&name, &value)?;
        }
        let uri = text.parse::<AMQPUri>();
        let mut parsed = Self {
            uri: uri.map_err(|fault| UrlError::new("the URL", format!("cannot be read: {}", without(&fault, text))))?,
            exchange: "events".to_owned(),
            names: EventNames::Dotted,
            roots: None,
        };
        // The driver takes an address for no host at all, and goes to this machine.
        if let Some(Host::Ipv6(address)) = url.host() {
            parsed.uri.authority.host = address.to_string();
        }
        // What ends in a slash would mean a virtual host without a name, which nobody has.
        if parsed.uri.vhost.is_empty() {
            parsed.uri.vhost = "/".to_owned();
        }
        for (name, value) in url.query_pairs() {
            parsed.take(&name, &value)?;
        }
        let query = &mut parsed.uri.query;
        query.heartbeat.get_or_insert(HEARTBEAT);
        query.connection_timeout.get_or_insert(CONNECTION_TIMEOUT_MS);
        Ok(parsed)
    }
}

impl AmqpUrl {
    fn take(&mut self, name: &str, value: &str) -> Result<(), UrlError> {
        match name {
            "exchange" if is_name(value) => self.exchange = value.to_owned(),
            "exchange" => return Err(UrlError::new(name, "is 1 to 100 letters, digits, `.`, `_` or `-`")),
            "names" => self.names = value.parse().map_err(|rule: &str| UrlError::new(name, rule))?,
            "cacertfile" => self.roots = Some(PathBuf::from(value)),
            "auth_mechanism" => {}
            number if NUMBERS.iter().any(|(known, ..)| *known == number) => {}
            unknown => return Err(UrlError::new(&format!("`{unknown}`"), "is not known in this URL")),
        }
        Ok(())
    }
}

fn check_number(name: &str, value: &str) -> Result<(), UrlError> {
    let Some((_, least, most)) = NUMBERS.iter().find(|(known, ..)| *known == name) else {
        return Ok(());
    };
    let fits = |number: &u64| (*least..=*most).contains(number);
    match value.parse().ok().filter(fits) {
        Some(_) => Ok(()),
        None => Err(UrlError::new(
            name,
            format!("is a whole number from {least} to {most}, or 0"),
        )),
    }
}

fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=100).contains(&text.len()) && text.bytes().all(plain)
}

fn without(fault: &str, secret: &str) -> String {
    fault.replace(secret, "…")
}

/// Without credentials.
impl fmt::Display for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.uri.authority;
        write!(f, "{}://{}:{}", self.uri.scheme, authority.host, authority.port)
    }
}

impl fmt::Debug for AmqpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AmqpUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_has_a_default() {
        for text in ["amqp://localhost", "amqp://localhost/", "amqp://localhost/%2f"] {
            let url = text.parse::<AmqpUrl>().unwrap();
            assert_eq!(url.uri.vhost, "/", "{text}");
            assert_eq!(url.uri.authority.port, 5672);
            assert_eq!((url.exchange.as_str(), url.names), ("events", EventNames::Dotted));
        }
    }

    #[test]
    fn what_is_said_is_taken() {
        let url = "amqps://me:s%40crt@broker/plays?exchange=shows&names=camel&cacertfile=/ca.pem&heartbeat=3";
        let url = url.parse::<AmqpUrl>().unwrap();
        assert_eq!((url.uri.vhost.as_str(), url.uri.authority.port), ("plays", 5671));
        assert_eq!(url.uri.authority.userinfo.password, "s@crt");
        assert_eq!((url.exchange.as_str(), url.names), ("shows", EventNames::CamelCase));
        assert_eq!(url.roots, Some(PathBuf::from("/ca.pem")));
        assert_eq!(url.uri.query.heartbeat, Some(3));
        let url = "amqp://[2001:db8::7]:5673".parse::<AmqpUrl>().unwrap();
        let authority = &url.uri.authority;
        assert_eq!((authority.host.as_str(), authority.port), ("2001:db8::7", 5673));
    }

    #[test]
    fn faults_name_the_part_and_keep_secrets() {
        for (text, part) in [
            ("amqp://me:s3cret@broker:port", "the URL"),
            ("amqp://me:s3cret@broker?heartbeat=often", "heartbeat"),
            ("amqp://me:s3cret@broker?connection_timeout=-1", "connection_timeout"),
            ("amqp://me:s3cret@broker?frame_max=1", "frame_max"),
            ("amqp://me:s3cret@broker?frame_max=4294967295", "frame_max"),
            ("amqp://me:s3cret@broker?channel_max=3", "channel_max"),
            ("amqp://me:s3cret@broker?exchange=", "exchange"),
            ("amqp://me:s3cret@broker?exchange=a%20b", "exchange"),
            ("amqp://me:s3cret@broker?names=snake", "names"),
            ("amqp://me:s3cret@broker?lazy=1", "`lazy`"),
        ] {
            let fault = text.parse::<AmqpUrl>().unwrap_err().to_string();
            assert!(fault.starts_with(part), "{text}: {fault}");
            assert!(!fault.contains("s3cret"), "{fault}");
        }
        let shown = format!("{0} {0:?}", "amqp://me:s3cret@broker".parse::<AmqpUrl>().unwrap());
        assert!(!shown.contains("s3cret") && !shown.contains("me:"), "{shown}");
    }
}
