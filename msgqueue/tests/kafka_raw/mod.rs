//! Kafka as any other program uses it, and what was logged.

use std::collections::HashSet;
use std::fmt::{Debug, Write as _};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Headers as _;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use tokio::task::spawn_blocking;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record as Fields};
use tracing::{Event, Level, Metadata, Subscriber};

const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Topic<'a> {
    pub(crate) servers: &'a str,
    pub(crate) name: &'a str,
}

#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Topic<'_> {
    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.servers);
        config
    }

    pub(crate) async fn make(&self, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let mut topic = NewTopic::new(self.name, 3, TopicReplication::Fixed(-1));
        for (name, value) in settings {
            topic = topic.set(name, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let made = admin.create_topics([&topic], &options).await.unwrap();
        made.into_iter().for_each(|made| drop(made.unwrap()));
    }

    pub(crate) async fn send(&self, key: &str, value: &str) {
        let mut config = self.config();
        let producer: FutureProducer = config.set("partitioner", "murmur2_random").create().unwrap();
        let record = FutureRecord::to(self.name).key(key).payload(value);
        producer.send(record, PATIENCE).await.unwrap();
    }

    /// To all partitions, as fast as the driver can.
    pub(crate) async fn send_many(&self, count: usize, value: &str) {
        let mut config = self.config();
        let producer: FutureProducer = config.set("enable.idempotence", "true").create().unwrap();
        let keys: Vec<String> = (0..100).map(|key| format!("key-{key}")).collect();
        let sends = (0..count).map(|number| {
            let record = FutureRecord::to(self.name).key(&keys[number % 100]).payload(value);
            producer.send_result(record).unwrap()
        });
        for sent in sends.collect::<Vec<_>>() {
            sent.await.unwrap().unwrap();
        }
    }

    /// As fast as the driver can.
    pub(crate) async fn read_many(&self, count: usize) {
        let (consumer, name) = (self.reader(), self.name.to_owned());
        let reading = spawn_blocking(move || {
            let mut list = TopicPartitionList::new();
            list.add_partition_range(&name, 0, 2);
            list.set_all_offsets(Offset::Beginning).unwrap();
            consumer.assign(&list).unwrap();
            for _ in 0..count {
                consumer.poll(PATIENCE).expect("there is a record").unwrap();
            }
        });
        reading.await.unwrap();
    }

    /// The first record of any partition.
    pub(crate) async fn first(&self) -> Record {
        let (consumer, name) = (self.reader(), self.name.to_owned());
        let reading = spawn_blocking(move || {
            let mut list = TopicPartitionList::new();
            list.add_partition_range(&name, 0, 2);
            list.set_all_offsets(Offset::Beginning).unwrap();
            consumer.assign(&list).unwrap();
            let record = consumer.poll(PATIENCE).expect("there is a record").unwrap();
            let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
            Record {
                key: text(record.key()),
                value: text(record.payload()),
                headers: record
                    .headers()
                    .unwrap()
                    .iter()
                    .map(|header| (header.key.to_owned(), text(header.value)))
                    .collect(),
            }
        });
        reading.await.unwrap()
    }

    /// The `ce_id` of all records of these partitions.
    pub(crate) async fn ids(&self, partitions: &[i32]) -> HashSet<String> {
        let (consumer, name, partitions) = (self.reader(), self.name.to_owned(), partitions.to_vec());
        let reading = spawn_blocking(move || {
            let (mut list, mut count) = (TopicPartitionList::new(), 0);
            for partition in partitions {
                count += consumer.fetch_watermarks(&name, partition, PATIENCE).unwrap().1;
                list.add_partition_offset(&name, partition, Offset::Beginning).unwrap();
            }
            consumer.assign(&list).unwrap();
            let records = (0..count).map(|_| consumer.poll(PATIENCE).expect("there is a record").unwrap());
            let ids = records.map(|record| {
                let mut headers = record.headers().unwrap().iter();
                let id = headers.find(|header| header.key == "ce_id").unwrap().value;
                String::from_utf8(id.unwrap().to_vec()).unwrap()
            });
            ids.collect()
        });
        reading.await.unwrap()
    }

    /// Whether the group has so many members and has shared out its partitions among them.
    pub(crate) async fn has_members(&self, group: &str, count: usize) -> bool {
        let (consumer, id) = (self.reader(), format!("{}.{group}", self.name));
        let looking = spawn_blocking(move || {
            let groups = consumer.fetch_group_list(Some(&id), PATIENCE).unwrap();
            let mut groups = groups.groups().iter();
            groups.any(|group| group.state() == "Stable" && group.members().len() == count)
        });
        looking.await.unwrap()
    }

    pub(crate) async fn partitions(&self) -> usize {
        let (consumer, name) = (self.reader(), self.name.to_owned());
        let looking = spawn_blocking(move || {
            let metadata = consumer.fetch_metadata(Some(&name), PATIENCE).unwrap();
            metadata.topics()[0].partitions().len()
        });
        looking.await.unwrap()
    }

    fn reader(&self) -> BaseConsumer {
        let mut config = self.config();
        config.set("group.id", format!("raw-{}", self.name)).create().unwrap()
    }
}

/// All warnings of this process, each as one text.
pub(crate) struct Warnings(Mutex<Vec<String>>);

impl Warnings {
    pub(crate) fn capture() -> &'static Self {
        static ALL: OnceLock<Warnings> = OnceLock::new();
        ALL.get_or_init(|| {
            tracing::subscriber::set_global_default(Capture).unwrap();
            Self(Mutex::default())
        })
    }

    pub(crate) fn about(&self, what: &str) -> Vec<String> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|text| text.contains(what)).cloned().collect()
    }
}

struct Capture;

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Fields<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        Warnings::capture().0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}
