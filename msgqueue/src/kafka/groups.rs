//! Groups from outside: how far they are, and how they are deleted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::admin::AdminClient;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{Offset, TopicPartitionList};
use tokio::runtime::Handle;

use super::client::{LOST, PATIENCE};
use super::complaints::Complaints;
use super::drops::{Drops, NOTICE};
use super::group_client::GroupClient;
use super::url::KafkaUrl;
use super::{drop_aside, lock, topic};
use crate::BrokerError;

/// A client takes some time to find its group's coordinator, so the last ones are kept.
const MAX_CLIENTS: usize = 16;
/// Until members that said nothing any more are taken for dead, and some more.
const MEMBERS_LEAVE: Duration = Duration::from_secs(20);
/// Members that came meanwhile are told again after this time.
const TELL_AGAIN: Duration = Duration::from_secs(3);
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// Clients that ask what groups have acknowledged, without joining them.
#[derive(Default)]
pub(super) struct Lookups(Mutex<VecDeque<Arc<Lookup>>>);

struct Lookup {
    group_id: String,
    client: GroupClient,
}

impl Lookups {
    /// How many messages `group` has not acknowledged. Blocks.
    pub(super) fn lag(&self, url: &KafkaUrl, group: &str) -> Result<u64, BrokerError> {
        let lookup = self.of(url, url.group_id(group))?;
        let lag = lookup
            .client
            .ask("asking how far a group is", |client| lag(url, client));
        if lag.is_err() && lookup.client.is_lost(LOST) {
            self.forget(lookup);
        }
        lag
    }

    /// Another one is made when it is needed.
    fn forget(&self, lost: Arc<Lookup>) {
        lock(&self.0).retain(|lookup| !Arc::ptr_eq(lookup, &lost));
        drop_aside(lost);
    }

    fn of(&self, url: &KafkaUrl, group_id: String) -> Result<Arc<Lookup>, BrokerError> {
        let mut all = lock(&self.0);
        let known = all.iter().position(|lookup| lookup.group_id == group_id);
        let lookup = match known.and_then(|at| all.remove(at)) {
            Some(lookup) => lookup,
            None => Arc::new(Lookup {
                client: GroupClient::new(&url.group_client(&group_id))?,
                group_id,
            }),
        };
        all.push_back(Arc::clone(&lookup));
        if all.len() > MAX_CLIENTS
            && let Some(oldest) = all.pop_front()
        {
            drop_aside(oldest);
        }
        Ok(lookup)
    }
}

impl Drop for Lookups {
    fn drop(&mut self) {
        drop_aside(std::mem::take(&mut *lock(&self.0)));
    }
}

fn lag(url: &KafkaUrl, client: &BaseConsumer<Complaints>) -> Result<u64, KafkaError> {
    let mut list = TopicPartitionList::new();
    for partition in (0..).take(topic::partitions(url, client)?) {
        // Whoever is pinned to some never gets the others.
        if url.assign.is_empty() || url.assign.contains(&partition) {
            list.add_partition(&url.topic, partition);
        }
    }
    let ends = end_of(client, list.clone(), Offset::End)?;
    let committed = client.committed_offsets(list.clone(), PATIENCE)?;
    // Where nothing is committed, all that is there waits.
    let starts = match positions(&committed)?.iter().all(Option::is_some) {
        true => vec![None; ends.len()],
        false => end_of(client, list, Offset::Beginning)?,
    };
    let waiting = ends.into_iter().zip(positions(&committed)?).zip(starts);
    let waiting = waiting.map(|((end, committed), start)| end.unwrap_or(0) - committed.or(start).unwrap_or(0));
    Ok(waiting.filter_map(|count| u64::try_from(count).ok()).sum())
}

/// One end of each partition, of all in one request: librdkafka passes these marks on in place of a time.
fn end_of(
    client: &BaseConsumer<Complaints>,
    mut list: TopicPartitionList,
    end: Offset,
) -> Result<Vec<Option<i64>>, KafkaError> {
    list.set_all_offsets(end)?;
    positions(&client.offsets_for_times(list, PATIENCE)?)
}

fn positions(list: &TopicPartitionList) -> Result<Vec<Option<i64>>, KafkaError> {
    let each = list.elements().into_iter().map(|element| {
        element.error()?;
        Ok(match element.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        })
    });
    each.collect()
}

/// Ends the group's subscriptions everywhere and makes Kafka forget it. Blocks until both is done.
pub(super) fn delete(url: &KafkaUrl, drops: &Drops, group: &str) -> Result<(), BrokerError> {
    let admin = topic::admin(url)?;
    let id = url.group_id(group);
    let Some(has_members) = try_delete(&admin, &id)? else {
        return Ok(());
    };
    drops.raise(group)?;
    if !url.assign.is_empty() {
        // Kafka does not count pinned members, and what they acknowledge before they know makes the group anew.
        sleep(NOTICE * 2);
        return try_delete(&admin, &id).map(drop);
    }
    if has_members {
        delete_when_left(url, drops, group, &admin)
    } else {
        Ok(())
    }
}

fn delete_when_left(
    url: &KafkaUrl,
    drops: &Drops,
    group: &str,
    admin: &AdminClient<Complaints>,
) -> Result<(), BrokerError> {
    let start = Instant::now();
    let mut told = start;
    while try_delete(admin, &url.group_id(group))? == Some(true) {
        if start.elapsed() > url.session() + MEMBERS_LEAVE {
            return Err(BrokerError::Unavailable("members of the group do not leave it".into()));
        }
        if told.elapsed() > TELL_AGAIN {
            drops.raise(group)?;
            told = Instant::now();
        }
        sleep(TRY_AGAIN);
    }
    Ok(())
}

/// `None` where there is no such group, `Some(true)` where it still has members, `Some(false)` when it is deleted.
fn try_delete(admin: &AdminClient<Complaints>, id: &str) -> Result<Option<bool>, BrokerError> {
    const DOING: &str = "deleting a group";
    let complaints = Complaints::default();
    let outcome = Handle::current().block_on(admin.delete_groups(&[id], &topic::options()));
    let outcomes = outcome.map_err(|error| complaints.fault(DOING, &error))?;
    match outcomes.into_iter().next() {
        Some(Ok(_)) => Ok(Some(false)),
        Some(Err((_, Code::GroupIdNotFound))) => Ok(None),
        Some(Err((_, Code::NonEmptyGroup))) => Ok(Some(true)),
        Some(Err((_, code))) => Err(complaints.fault_of(DOING, code)),
        None => Err(complaints.unavailable(DOING, "an empty answer")),
    }
}
