//! The topic that is the log: made where it is missing, looked at where it is there.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use tokio::runtime::Handle;

use super::client::{PATIENCE, create};
use super::complaints::Complaints;
use super::url::KafkaUrl;
use crate::BrokerError;

const LOOK: Duration = Duration::from_millis(100);
/// A name may have several addresses, so one that refuses is not the end.
const CUT_OFF: Duration = Duration::from_secs(2);

/// What a topic needs to keep all of history.
const FOREVER: [(&str, &str); 3] = [
    ("retention.ms", "-1"),
    ("retention.bytes", "-1"),
    ("cleanup.policy", "delete"),
];

/// Connects once and sees to the topic. Blocks, on a thread that knows the runtime.
pub(super) fn prepare(url: &KafkaUrl) -> Result<(), BrokerError> {
    let complaints = Complaints::default();
    let probe: BaseConsumer<Complaints> = create(&url.client(), complaints.clone())?;
    reach(&probe, &complaints)?;
    let admin = admin(url)?;
    let is_new = make(url, &admin, &complaints)?;
    let count = wait_for_leaders(url, &probe, &complaints)?;
    if !is_new {
        warn_of_what_is_lost(url, &admin);
    }
    check_pinned(url, count)
}

pub(super) fn admin(url: &KafkaUrl) -> Result<AdminClient<Complaints>, BrokerError> {
    create(&url.client(), Complaints::default())
}

pub(super) fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(PATIENCE))
        .operation_timeout(Some(PATIENCE))
}

/// Lets a client say what it has to say.
pub(super) fn hear(client: &BaseConsumer<Complaints>, complaints: &Complaints) {
    loop {
        let before = complaints.times();
        // Such a client reads no messages.
        let _ = client.poll(Duration::ZERO);
        if complaints.times() == before {
            return;
        }
    }
}

fn reach(probe: &BaseConsumer<Complaints>, complaints: &Complaints) -> Result<(), BrokerError> {
    let start = Instant::now();
    while probe.client().fetch_cluster_id(LOOK).is_none() {
        hear(probe, complaints);
        if let Some(refusal) = complaints.hopeless("connecting") {
            return Err(refusal);
        }
        let is_late = start.elapsed() > PATIENCE || (complaints.is_cut_off() && start.elapsed() > CUT_OFF);
        if is_late {
            return Err(complaints.unavailable("connecting", "no answer"));
        }
    }
    Ok(())
}

/// Returns whether it was not there before.
fn make(url: &KafkaUrl, admin: &AdminClient<Complaints>, complaints: &Complaints) -> Result<bool, BrokerError> {
    let doing = format!("making the topic `{}`", url.topic);
    let mut topic = NewTopic::new(&url.topic, url.partitions, TopicReplication::Fixed(-1));
    for (name, value) in FOREVER {
        topic = topic.set(name, value);
    }
    let outcome = Handle::current().block_on(admin.create_topics([&topic], &options()));
    let outcomes = outcome.map_err(|error| complaints.fault(&doing, &error))?;
    match outcomes.into_iter().next() {
        Some(Ok(_)) => Ok(true),
        // Who may not make topics may use one that is there.
        Some(Err((
            _,
            Code::TopicAlreadyExists | Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed,
        ))) => Ok(false),
        Some(Err((_, code))) => Err(complaints.fault_of(&doing, code)),
        None => Err(complaints.unavailable(&doing, "an empty answer")),
    }
}

/// Another process may have made it a moment ago, and not every node knows it at once.
fn wait_for_leaders(
    url: &KafkaUrl,
    probe: &BaseConsumer<Complaints>,
    complaints: &Complaints,
) -> Result<usize, BrokerError> {
    let doing = format!("looking at the topic `{}`", url.topic);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let outcome = partitions(url, probe);
        hear(probe, complaints);
        match outcome {
            Ok(count) => return Ok(count),
            Err(error) if Instant::now() > deadline => return Err(complaints.fault(&doing, &error)),
            Err(error) => refuse_at_once(complaints, &doing, &error)?,
        }
        sleep(LOOK / 5);
    }
}

fn refuse_at_once(complaints: &Complaints, doing: &str, error: &KafkaError) -> Result<(), BrokerError> {
    match complaints.fault(doing, error) {
        BrokerError::Unavailable(_) => Ok(()),
        refusal => Err(refusal),
    }
}

/// How many there are, all of them led.
pub(super) fn partitions(url: &KafkaUrl, client: &BaseConsumer<Complaints>) -> Result<usize, KafkaError> {
    let metadata = client.fetch_metadata(Some(&url.topic), PATIENCE)?;
    let Some(topic) = metadata.topics().first() else {
        return Err(KafkaError::MetadataFetch(Code::UnknownTopicOrPartition));
    };
    if let Some(error) = topic.error() {
        return Err(KafkaError::MetadataFetch(error.into()));
    }
    let is_led = topic.partitions().iter().all(|partition| partition.leader() >= 0);
    match topic.partitions().len() {
        count @ 1.. if is_led => Ok(count),
        _ => Err(KafkaError::MetadataFetch(Code::LeaderNotAvailable)),
    }
}

fn check_pinned(url: &KafkaUrl, count: usize) -> Result<(), BrokerError> {
    match url
        .assign
        .iter()
        .find(|partition| usize::try_from(**partition).is_ok_and(|number| number >= count))
    {
        Some(partition) => Err(BrokerError::Refused(format!(
            "`assign` names partition {partition}; the topic `{}` has {count}, from 0",
            url.topic
        ))),
        None => Ok(()),
    }
}

fn warn_of_what_is_lost(url: &KafkaUrl, admin: &AdminClient<Complaints>) {
    let topics = [ResourceSpecifier::Topic(&url.topic)];
    let outcome = Handle::current().block_on(admin.describe_configs(&topics, &options()));
    let described = match outcome.map(|mut all| all.pop()) {
        Ok(Some(Ok(described))) => described,
        // Not everybody may look, and nothing depends on it.
        other => return tracing::debug!(?other, topic = url.topic, "the topic's settings cannot be read"),
    };
    let wrong = losing(&described);
    if wrong.is_empty() {
        return;
    }
    let settings: Vec<String> = FOREVER.iter().map(|(name, value)| format!("{name}={value}")).collect();
    tracing::warn!(
        topic = url.topic,
        "the topic does not keep all of history ({}), so groups that are new or rebuilt will miss events; \
         set it right with: kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {} \
         --add-config {}",
        wrong.join(", "),
        url.servers,
        url.topic,
        settings.join(","),
    );
}

/// The settings by which messages get lost.
fn losing(described: &ConfigResource) -> Vec<String> {
    let wrong = FOREVER.iter().filter_map(|(name, right)| {
        let value = described.get(name)?.value.as_deref()?;
        (value != *right).then(|| format!("{name}={value}"))
    });
    wrong.collect()
}
