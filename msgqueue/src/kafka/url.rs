//! `kafka:HOST:PORT[,HOST:PORT…][?NAME=VALUE&…]`, taken apart and checked before anything is connected.

use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

use crate::{EventNames, UrlError};

const DEFAULT_TOPIC: &str = "events";
const DEFAULT_PARTITIONS: i32 = 6;
const MAX_PARTITIONS: i32 = 10_000;
/// Kafka's own limit.
const MAX_TOPIC: usize = 249;
const HIDDEN: &str = "***";

/// What this adapter stands on: another value would break what it promises.
const OURS: [&str; 31] = [
    "acks",
    "allow.auto.create.topics",
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.report.only.error",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "enabled_events",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "group.protocol.type",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "isolation.level",
    "log.queue",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.broker.list",
    "offset.store.method",
    "partition.assignment.strategy",
    "partitioner",
    "queuing.strategy",
    "request.required.acks",
    "retries",
    "transactional.id",
];

/// A name with one of these in it has a value that nobody may read.
const SECRET: [&str; 6] = [
    "password",
    "secret",
    "passphrase",
    "key.pem",
    "private.key",
    "oauthbearer.config",
];

/// Where Kafka is and how it is used. Secrets are never shown.
///
/// | name | value | default |
/// |---|---|---|
/// | `topic` | where the log is | `events` |
/// | `partitions` | how many a new topic gets | 6 |
/// | `names` | how names of events are written: `dotted` or `camel`; both are read | `dotted` |
/// | `assign` | numbers of partitions, as `0,2`: subscriptions read these and share none | shared by the group |
///
/// Any other name is a property of librdkafka; values may be percent-encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaUrl {
    /// `HOST:PORT,…`
    pub(super) servers: String,
    pub(super) topic: String,
    pub(super) partitions: i32,
    pub(super) names: EventNames,
    /// In ascending order; empty where the group shares the partitions.
    pub(super) assign: Vec<i32>,
    pub(super) properties: Vec<(String, String)>,
}

impl FromStr for KafkaUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let rest = text
            .strip_prefix("kafka:")
            .ok_or_else(|| broken("kafka:", "has to stand at the beginning"))?;
        let (servers, query) = rest.split_once('?').unwrap_or((rest, ""));
        check_servers(servers)?;
        let mut url = Self {
            servers: servers.to_owned(),
            topic: DEFAULT_TOPIC.to_owned(),
            partitions: DEFAULT_PARTITIONS,
            names: EventNames::Dotted,
            assign: Vec::new(),
            properties: Vec::new(),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = decoded_pair(pair)?;
            url.set(name, value)?;
        }
        Ok(url)
    }
}

impl KafkaUrl {
    fn set(&mut self, name: String, value: String) -> Result<(), UrlError> {
        match name.as_str() {
            "topic" => self.topic = topic(value)?,
            "partitions" => self.partitions = partitions(&value)?,
            "names" => self.names = value.parse().map_err(|rule: &str| broken("names", rule))?,
            "assign" => self.assign = pinned(&value)?,
            name if is_ours(name) => {
                return Err(broken(name, "cannot be set: the adapter relies on its own value"));
            }
            _ => self.set_property(name, value)?,
        }
        Ok(())
    }

    fn set_property(&mut self, name: String, value: String) -> Result<(), UrlError> {
        if self.property(&name).is_some() {
            return Err(broken(&name, "may stand only once"));
        }
        self.properties.push((name, value));
        Ok(())
    }

    pub(super) fn property(&self, name: &str) -> Option<&str> {
        let mut all = self.properties.iter();
        all.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A group as Kafka knows it.
    pub(super) fn group_id(&self, group: &str) -> String {
        format!("{}.{group}", self.topic)
    }
}

/// Whether the value of a property must not be shown.
pub(super) fn is_secret(property: &str) -> bool {
    SECRET.iter().any(|part| property.contains(part))
}

fn is_ours(name: &str) -> bool {
    OURS.contains(&name) || name.ends_with("_cb")
}

fn broken(part: &str, rule: impl Into<String>) -> UrlError {
    UrlError::new(&format!("`{}`", part.escape_debug()), rule)
}

fn check_servers(servers: &str) -> Result<(), UrlError> {
    // Where it was meant for another scheme there may be a user with a password before the host.
    let shown = servers.rsplit('@').next().unwrap_or_default();
    for server in servers.split(',') {
        let (host, port) = server.rsplit_once(':').unwrap_or((server, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        let is_host = !host.is_empty() && host.chars().all(plain) && (!host.contains(':') || host.starts_with('['));
        if !is_host || !matches!(port.parse(), Ok(1..=u16::MAX)) {
            return Err(broken(
                shown,
                "has to be HOST:PORT, or several of them with commas between",
            ));
        }
    }
    Ok(())
}

fn decoded_pair(pair: &str) -> Result<(String, String), UrlError> {
    let Some((name, value)) = pair.split_once('=') else {
        return Err(broken(
            "?…",
            "has a part without `=`: it is NAME=VALUE, with `&` between",
        ));
    };
    let name = decoded(name, "?…")?;
    if name.is_empty() {
        return Err(broken("?…", "has a value without a name"));
    }
    let value = decoded(value, &name)?;
    Ok((name, value))
}

fn decoded(text: &str, part: &str) -> Result<String, UrlError> {
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    let decoded = String::from_utf8(bytes).map_err(|_| broken(part, "is not UTF-8 when it is decoded"))?;
    if decoded.contains('\0') {
        return Err(broken(part, "has a character zero in it"));
    }
    Ok(decoded)
}

fn topic(name: String) -> Result<String, UrlError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let fits = (1..=MAX_TOPIC).contains(&name.len());
    if !fits || !name.bytes().all(plain) || name == "." || name == ".." {
        let rule = format!("has to be 1 to {MAX_TOPIC} letters, digits, `.`, `_` or `-`, and neither `.` nor `..`");
        return Err(broken("topic", rule));
    }
    Ok(name)
}

fn partitions(text: &str) -> Result<i32, UrlError> {
    match text.parse() {
        Ok(number @ 1..=MAX_PARTITIONS) => Ok(number),
        _ => Err(broken(
            "partitions",
            format!("has to be a number from 1 to {MAX_PARTITIONS}"),
        )),
    }
}

fn pinned(text: &str) -> Result<Vec<i32>, UrlError> {
    let numbers = text.split(',').map(|number| match number.parse() {
        Ok(number @ 0..MAX_PARTITIONS) => Ok(number),
        _ => Err(broken("assign", "has to be numbers of partitions from 0, as `0,2`")),
    });
    let mut numbers = numbers.collect::<Result<Vec<i32>, _>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

impl fmt::Debug for KafkaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for KafkaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "kafka:{}?topic={}&partitions={}",
            self.servers, self.topic, self.partitions
        )?;
        if self.names == EventNames::CamelCase {
            f.write_str("&names=camel")?;
        }
        if !self.assign.is_empty() {
            let numbers: Vec<String> = self.assign.iter().map(i32::to_string).collect();
            write!(f, "&assign={}", numbers.join(","))?;
        }
        for (name, value) in &self.properties {
            let value = if is_secret(name) { HIDDEN } else { value };
            write!(f, "&{name}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_are_read() {
        let text = "kafka:a:9092,[::1]:9093?topic=log&partitions=3&names=camel&assign=2,0&sasl.username=u%26v&x=a+b";
        let url: KafkaUrl = text.parse().unwrap();
        assert_eq!(url.servers, "a:9092,[::1]:9093");
        assert_eq!(
            (url.topic.as_str(), url.partitions, url.names),
            ("log", 3, EventNames::CamelCase)
        );
        assert_eq!(url.assign, [0, 2]);
        assert_eq!(url.property("sasl.username"), Some("u&v"));
        assert_eq!(url.property("x"), Some("a+b"));
        assert_eq!(url.group_id("views.1"), "log.views.1");
    }

    #[test]
    fn what_is_not_given_has_a_default() {
        let url: KafkaUrl = "kafka:localhost:9092".parse().unwrap();
        assert_eq!(
            (url.topic.as_str(), url.partitions, url.names),
            ("events", 6, EventNames::Dotted)
        );
        assert!(url.assign.is_empty() && url.properties.is_empty());
    }

    #[test]
    fn faults_name_the_part_in_one_line() {
        for (rest, part) in [
            ("", "``"),
            ("host", "`host`"),
            ("host:0", "`host:0`"),
            ("host:65536", "`host:65536`"),
            ("a:1,", "`a:1,`"),
            ("//user:geheim@host:1", "`host:1`"),
            ("::1:9092", "`::1:9092`"),
            ("a:1?geheim", "`?…`"),
            ("a:1?=geheim", "`?…`"),
            ("a:1?topic=a/b", "`topic`"),
            ("a:1?topic=..", "`topic`"),
            ("a:1?partitions=0", "`partitions`"),
            ("a:1?names=snake", "`names`"),
            ("a:1?assign=", "`assign`"),
            ("a:1?assign=-1", "`assign`"),
            ("a:1?enable.idempotence=false", "`enable.idempotence`"),
            ("a:1?group.id=x", "`group.id`"),
            ("a:1?stats_cb=x", "`stats_cb`"),
            ("a:1?sasl.password=geheim&sasl.password=geheim", "`sasl.password`"),
            ("a:1?sasl.password=%FFgeheim", "`sasl.password`"),
            ("a:1?a%0Ab=%00geheim", "`a\\nb`"),
        ] {
            let fault = format!("kafka:{rest}").parse::<KafkaUrl>().unwrap_err().to_string();
            assert!(fault.contains(part), "{rest}: {fault}");
            assert!(!fault.contains("geheim") && !fault.contains('\n'), "{rest}: {fault}");
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        for name in [
            "sasl.password",
            "ssl.key.password",
            "ssl.keystore.password",
            "ssl.key.pem",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.config",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.oauthbearer.assertion.private.key.pem",
        ] {
            let url: KafkaUrl = format!("kafka:a:1?{name}=geheim&client.rack=r").parse().unwrap();
            assert!(url.to_string().contains("client.rack=r"));
            assert!(!format!("{url} {url:?} {url:#?}").contains("geheim"), "{name}");
        }
    }
}
