//! Documents as they were read, for readers that ask for the same ones again and again.
//!
//! All are of one moment: as soon as anything in the store may have changed, all are forgotten. So nothing has to be
//! told which write concerns which document, and other processes may write as well. A store that cannot tell cheaply
//! whether it has changed is read each time.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// JSON text and keys of all that is kept, in bytes.
const MOST_BYTES: usize = 4 << 20;

/// What is read from the store for a key at the moment of `mark` is what the key stands for as long as the mark stays.
#[derive(Default)]
pub(super) struct Kept {
    moment: Mutex<Moment>,
}

#[derive(Default)]
struct Moment {
    mark: Option<u64>,
    documents: HashMap<String, Arc<dyn Any + Send + Sync>>,
    bytes: usize,
}

impl Kept {
    pub(super) fn find<T: Send + Sync + 'static>(&self, mark: u64, key: &str) -> Option<Arc<T>> {
        let document = self.moment(mark).documents.get(key)?.clone();
        document.downcast().ok()
    }

    /// `bytes` is how long the document's text is. `mark` has to be taken before it is read.
    pub(super) fn keep<T: Send + Sync + 'static>(&self, mark: u64, key: String, bytes: usize, document: Arc<T>) {
        let mut moment = self.moment(mark);
        if moment.documents.contains_key(&key) {
            return;
        }
        let bytes = bytes + key.len();
        if moment.bytes + bytes > MOST_BYTES {
            moment.forget();
        }
        moment.bytes += bytes;
        moment.documents.insert(key, document);
    }

    fn moment(&self, mark: u64) -> MutexGuard<'_, Moment> {
        let mut moment = self.moment.lock().unwrap_or_else(PoisonError::into_inner);
        if moment.mark != Some(mark) {
            moment.forget();
            moment.mark = Some(mark);
        }
        moment
    }
}

impl Moment {
    fn forget(&mut self) {
        self.documents.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_until_the_mark_is_another() {
        let kept = Kept::default();
        kept.keep(1, "a".to_owned(), 10, Arc::new(1_u8));
        assert_eq!(kept.find::<u8>(1, "a").as_deref(), Some(&1));
        assert_eq!(kept.find::<u8>(1, "b"), None);
        assert_eq!(kept.find::<u16>(1, "a"), None);
        assert_eq!(kept.find::<u8>(2, "a"), None);
        assert_eq!(kept.find::<u8>(1, "a"), None);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let kept = Kept::default();
        let large = MOST_BYTES / 4;
        let mut most = 0;
        for key in 0..100_u32 {
            for _ in 0..2 {
                kept.keep(1, key.to_string(), large, Arc::new(key));
            }
            assert_eq!(kept.find::<u32>(1, &key.to_string()).as_deref(), Some(&key));
            most = most.max(kept.moment(1).documents.len());
        }
        assert_eq!(most, 3, "keys take room too");
    }
}
