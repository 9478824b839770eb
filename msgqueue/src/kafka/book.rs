//! What a subscription has in hand: what came and waits, what was handed out, how far each partition is acknowledged.
//!
//! It knows nothing of clients and threads, so that its rules can be seen and tested by themselves.

use std::collections::{BTreeMap, VecDeque};

use super::watermark::Watermark;
use crate::{Delivery, DeliveryTag};

/// Enough to keep the subscription busy while its thread fetches more.
const MAX_READY: usize = 16_384;
const MAX_READY_BYTES: usize = 24 << 20;

/// Behind one that is never acknowledged no more are handed out than this.
const MAX_OUTSTANDING: usize = 1 << 20;

#[derive(Default)]
pub(super) struct Book {
    partitions: BTreeMap<i32, Partition>,
    ready: VecDeque<Ready>,
    ready_bytes: usize,
    /// Handed out and not acknowledged, by their tags, which follow each other.
    outstanding: VecDeque<Option<Place>>,
    /// The tag before the first of them. None is used twice, so one of an assignment that is gone means nothing.
    last_settled: u64,
}

#[derive(Default)]
struct Partition {
    watermark: Watermark,
    /// It is about to go: nothing more of it is handed out.
    is_leaving: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// A message that waits, and what it takes in memory.
pub(super) struct Ready {
    pub(super) place: Place,
    pub(super) bytes: usize,
    pub(super) delivery: Delivery,
}

impl Book {
    pub(super) fn assign(&mut self, partition: i32) {
        self.partitions.insert(partition, Partition::default());
    }

    /// Hands out no more of it; what was handed out can still be acknowledged.
    pub(super) fn start_leaving(&mut self, partition: i32) {
        if let Some(known) = self.partitions.get_mut(&partition) {
            known.is_leaving = true;
        }
        self.discard_ready(partition);
    }

    /// Whether nothing of it is under way.
    pub(super) fn is_settled(&self, partition: i32) -> bool {
        let known = self.partitions.get(&partition);
        known.is_none_or(|known| known.watermark.is_settled())
    }

    /// Forgets it with all that is under way: another member gets that.
    pub(super) fn revoke(&mut self, partition: i32) {
        self.partitions.remove(&partition);
        for outstanding in &mut self.outstanding {
            outstanding.take_if(|place| place.partition == partition);
        }
        self.discard_ready(partition);
    }

    fn discard_ready(&mut self, partition: i32) {
        self.ready.retain(|ready| ready.place.partition != partition);
        self.ready_bytes = self.ready.iter().map(|ready| ready.bytes).sum();
    }

    pub(super) fn has_room(&self) -> bool {
        self.ready.len() < MAX_READY && self.ready_bytes < MAX_READY_BYTES
    }

    /// Whether so little waits that more should be fetched.
    pub(super) fn wants_more(&self) -> bool {
        self.ready.len() <= MAX_READY / 2 && self.ready_bytes <= MAX_READY_BYTES / 2
    }

    pub(super) fn put(&mut self, ready: Ready) {
        let known = self.partitions.get(&ready.place.partition);
        if known.is_some_and(|known| !known.is_leaving) {
            self.ready_bytes += ready.bytes;
            self.ready.push_back(ready);
        }
    }

    pub(super) fn hand_out(&mut self, max: usize) -> Vec<Delivery> {
        let count = max
            .min(self.ready.len())
            .min(MAX_OUTSTANDING.saturating_sub(self.outstanding.len()));
        let mut batch = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(ready) = self.ready.pop_front() else { break };
            self.ready_bytes -= ready.bytes;
            if let Some(known) = self.partitions.get_mut(&ready.place.partition) {
                known.watermark.hand_out(ready.place.offset);
            }
            batch.push(self.tagged(ready));
        }
        batch
    }

    fn tagged(&mut self, mut ready: Ready) -> Delivery {
        self.outstanding.push_back(Some(ready.place));
        ready.delivery.tag = DeliveryTag(self.last_settled + self.outstanding.len() as u64);
        ready.delivery
    }

    pub(super) fn acknowledge(&mut self, tags: &[DeliveryTag]) {
        for tag in tags {
            let Some(place) = self.take_outstanding(*tag) else {
                continue;
            };
            if let Some(known) = self.partitions.get_mut(&place.partition) {
                known.watermark.acknowledge(place.offset);
            }
        }
        while self.outstanding.pop_front_if(|place| place.is_none()).is_some() {
            self.last_settled += 1;
        }
    }

    fn take_outstanding(&mut self, tag: DeliveryTag) -> Option<Place> {
        let at = usize::try_from(tag.0.checked_sub(self.last_settled + 1)?).ok()?;
        self.outstanding.get_mut(at)?.take()
    }

    /// The positions that the broker should have and has not.
    pub(super) fn due(&self) -> Vec<Place> {
        let due = self.partitions.iter().filter_map(|(partition, known)| {
            let offset = known.watermark.due()?;
            Some(Place {
                partition: *partition,
                offset,
            })
        });
        due.collect()
    }

    pub(super) fn commit(&mut self, positions: &[Place]) {
        for place in positions {
            if let Some(known) = self.partitions.get_mut(&place.partition) {
                known.watermark.commit(place.offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    fn place(partition: i32, offset: i64) -> Place {
        Place { partition, offset }
    }

    fn ready(place: Place, bytes: usize) -> Ready {
        let message = Message {
            key: String::new(),
            attributes: BTreeMap::new(),
            body: Vec::new(),
        };
        Ready {
            place,
            bytes,
            delivery: Delivery::of_message(DeliveryTag(0), message),
        }
    }

    /// Two partitions with `count` messages each, in turn.
    fn book(count: i64) -> Book {
        let mut book = Book::default();
        book.assign(0);
        book.assign(1);
        for offset in 0..count {
            book.put(ready(place(0, offset), 10));
            book.put(ready(place(1, offset), 10));
        }
        book
    }

    fn tags(batch: &[Delivery]) -> Vec<DeliveryTag> {
        batch.iter().map(|delivery| delivery.tag).collect()
    }

    #[test]
    fn each_partition_is_acknowledged_by_itself() {
        let mut book = book(2);
        let batch = tags(&book.hand_out(10));
        book.acknowledge(&[batch[3], batch[0], DeliveryTag(0), DeliveryTag(99)]);
        assert_eq!(book.due(), [place(0, 1)]);
        book.acknowledge(&[batch[1]]);
        assert_eq!(book.due(), [place(0, 1), place(1, 2)]);
        book.commit(&[place(0, 1), place(1, 2)]);
        assert_eq!(book.due(), []);
        assert!(!book.is_settled(0) && book.is_settled(1));
    }

    #[test]
    fn what_was_in_hand_of_a_revoked_partition_is_dropped() {
        let mut book = book(3);
        let batch = tags(&book.hand_out(4));
        book.acknowledge(&batch[..1]);
        assert_eq!(book.due(), [place(0, 1)]);
        book.revoke(0);
        assert_eq!(book.due(), []);
        book.acknowledge(&batch[..2]);
        assert_eq!(book.due(), [place(1, 1)]);
        assert_eq!(book.hand_out(10).len(), 1);
        book.assign(0);
        book.put(ready(place(0, 1), 1));
        book.put(ready(place(0, 2), 1));
        assert_eq!(book.hand_out(10).len(), 2);
        book.acknowledge(&batch);
        assert_eq!(book.due(), [place(1, 2)]);
    }

    #[test]
    fn a_leaving_partition_gives_no_more_but_is_still_acknowledged() {
        let mut book = book(2);
        let batch = tags(&book.hand_out(2));
        book.start_leaving(0);
        book.put(ready(place(0, 9), 1));
        assert_eq!(book.hand_out(10).len(), 1);
        assert!(!book.is_settled(0));
        book.acknowledge(&batch[..1]);
        assert_eq!(book.due(), [place(0, 1)]);
        book.commit(&[place(0, 1)]);
        assert!(book.is_settled(0));
    }

    #[test]
    fn what_waits_is_bounded_in_number_and_size() {
        let many = i64::try_from(MAX_READY / 2).unwrap();
        assert!(book(many - 1).has_room());
        let mut full = book(many);
        assert!(!full.has_room() && !full.wants_more());
        full.hand_out(MAX_READY / 2);
        assert!(full.has_room() && full.wants_more());
        let mut large = book(0);
        large.put(ready(place(0, 0), MAX_READY_BYTES));
        assert!(!large.has_room());
        large.revoke(0);
        assert!(large.has_room());
    }
}
