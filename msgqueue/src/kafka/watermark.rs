//! How far one partition is acknowledged, while it belongs to one subscription.

use std::collections::VecDeque;

/// Kafka keeps one offset for each partition: the next one to deliver. It may pass only what is acknowledged without a
/// gap. Offsets are not gapless themselves, so gaps are told by what was handed out.
#[derive(Debug, Default)]
pub(super) struct Watermark {
    /// Handed out, from the first on that is not acknowledged.
    handed_out: VecDeque<HandedOut>,
    /// Behind everything that was handed out.
    end: i64,
    /// From where the broker would deliver again; `None` before anything was handed out.
    committed: Option<i64>,
}

#[derive(Debug)]
struct HandedOut {
    offset: i64,
    is_acknowledged: bool,
}

impl Watermark {
    /// Offsets are handed out in ascending order, unless the log was cut off: then what was before is no more.
    pub(super) fn hand_out(&mut self, offset: i64) {
        if offset < self.end {
            *self = Self::default();
        }
        self.handed_out.push_back(HandedOut {
            offset,
            is_acknowledged: false,
        });
        self.end = offset + 1;
        self.committed.get_or_insert(offset);
    }

    pub(super) fn acknowledge(&mut self, offset: i64) {
        // Mostly it is the first one: all before it have gone.
        if self.handed_out.pop_front_if(|first| first.offset == offset).is_none() {
            self.note_acknowledged(offset);
        }
        while self.handed_out.pop_front_if(|first| first.is_acknowledged).is_some() {}
    }

    fn note_acknowledged(&mut self, offset: i64) {
        let found = self
            .handed_out
            .binary_search_by_key(&offset, |handed_out| handed_out.offset);
        if let Some(handed_out) = found.ok().and_then(|at| self.handed_out.get_mut(at)) {
            handed_out.is_acknowledged = true;
        }
    }

    /// The position that the broker should have and has not.
    pub(super) fn due(&self) -> Option<i64> {
        let position = self.handed_out.front().map_or(self.end, |first| first.offset);
        self.committed
            .filter(|committed| position > *committed)
            .map(|_| position)
    }

    pub(super) fn commit(&mut self, position: i64) {
        self.committed = Some(position);
    }

    /// Whether all that was handed out is acknowledged, and the broker knows.
    pub(super) fn is_settled(&self) -> bool {
        self.handed_out.is_empty() && self.due().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(offsets: &[i64]) -> Watermark {
        let mut watermark = Watermark::default();
        offsets.iter().for_each(|offset| watermark.hand_out(*offset));
        watermark
    }

    #[test]
    fn it_passes_only_what_has_no_gap_before_it() {
        let mut watermark = with(&[7, 8, 10, 11]);
        assert_eq!(watermark.due(), None);
        for (acknowledged, due) in [(8, None), (11, None), (7, Some(10)), (10, Some(12))] {
            watermark.acknowledge(acknowledged);
            assert_eq!(watermark.due(), due, "{acknowledged}");
        }
        assert!(!watermark.is_settled());
        watermark.commit(12);
        assert_eq!(watermark.due(), None);
        assert!(watermark.is_settled());
    }

    #[test]
    fn repeats_and_strangers_move_nothing() {
        let mut watermark = with(&[0, 1]);
        watermark.acknowledge(1);
        watermark.acknowledge(1);
        watermark.acknowledge(99);
        assert_eq!(watermark.due(), None);
        assert!(!watermark.is_settled());
        assert!(Watermark::default().is_settled());
    }
}
