//! Between a subscription, which is polled by the runtime, and its member's thread, which blocks.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::book::Book;
use super::lock;
use crate::{BrokerError, Delivery, DeliveryTag};

/// Why a subscription ended, told again to whoever asks again.
#[derive(Clone, Debug)]
pub(super) enum End {
    Unavailable(String),
    Refused(String),
    Closed,
}

pub(super) type Waiter = oneshot::Sender<Result<(), BrokerError>>;

#[derive(Default)]
pub(super) struct Exchange {
    state: Mutex<State>,
    /// Wakes the subscription.
    news: Notify,
    pub(super) bell: Bell,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) book: Book,
    /// Each waits until the broker has everything that was due when it came.
    waiters: Vec<Waiter>,
    is_closing: bool,
    end: Option<End>,
}

/// Wakes the thread. It has a lock of its own, because librdkafka rings it while it holds locks of its own.
#[derive(Default)]
pub(super) struct Bell {
    rang: Mutex<bool>,
    wake: Condvar,
}

impl Exchange {
    /// For the subscription.
    pub(super) async fn take(&self, max: usize) -> Result<Vec<Delivery>, BrokerError> {
        loop {
            let news = self.news.notified();
            if let Some(outcome) = self.take_ready(max) {
                return outcome;
            }
            news.await;
        }
    }

    fn take_ready(&self, max: usize) -> Option<Result<Vec<Delivery>, BrokerError>> {
        let mut state = lock(&self.state);
        if let Some(end) = &state.end {
            return Some(Err(end.clone().into()));
        }
        let wanted_more = state.book.wants_more();
        let batch = state.book.hand_out(max);
        if !wanted_more && state.book.wants_more() {
            self.bell.ring();
        }
        (!batch.is_empty()).then_some(Ok(batch))
    }

    /// Returns when the broker has all that was acknowledged up to now.
    pub(super) async fn acknowledge(&self, tags: &[DeliveryTag]) -> Result<(), BrokerError> {
        let Some(done) = self.note_acknowledged(tags)? else {
            return Ok(());
        };
        done.await.unwrap_or(Err(BrokerError::Closed))
    }

    fn note_acknowledged(
        &self,
        tags: &[DeliveryTag],
    ) -> Result<Option<oneshot::Receiver<Result<(), BrokerError>>>, BrokerError> {
        let mut state = lock(&self.state);
        if let Some(end) = &state.end {
            return Err(end.clone().into());
        }
        state.book.acknowledge(tags);
        // An earlier call may have failed or been dropped while its position was on the way.
        if state.book.due().is_empty() {
            return Ok(None);
        }
        let (waiter, done) = oneshot::channel();
        state.waiters.push(waiter);
        self.bell.ring();
        Ok(Some(done))
    }

    pub(super) fn close(&self) {
        lock(&self.state).is_closing = true;
        self.bell.ring();
    }

    pub(super) fn is_closing(&self) -> bool {
        lock(&self.state).is_closing
    }

    /// For the thread: never calls librdkafka meanwhile.
    pub(super) fn with_book<T>(&self, work: impl FnOnce(&mut Book) -> T) -> T {
        work(&mut lock(&self.state).book)
    }

    pub(super) fn tell_news(&self) {
        self.news.notify_one();
    }

    /// Those whose acknowledgements the next commit covers.
    pub(super) fn take_waiters(&self) -> Vec<Waiter> {
        std::mem::take(&mut lock(&self.state).waiters)
    }

    pub(super) fn give_back(&self, waiters: Vec<Waiter>) {
        lock(&self.state).waiters.extend(waiters);
    }

    /// Ends the subscription and answers everybody who waits.
    pub(super) fn end(&self, end: End) {
        let mut state = lock(&self.state);
        for waiter in state.waiters.drain(..) {
            // It may have gone.
            let _ = waiter.send(Err(end.clone().into()));
        }
        state.end.get_or_insert(end);
        state.book = Book::default();
        drop(state);
        self.tell_news();
    }
}

impl Bell {
    pub(super) fn ring(&self) {
        *lock(&self.rang) = true;
        self.wake.notify_one();
    }

    /// Returns when it rang since the last time, or after `patience`.
    pub(super) fn wait(&self, patience: Duration) {
        let guard = lock(&self.rang);
        let waited = self.wake.wait_timeout_while(guard, patience, |rang| !*rang);
        let (mut rang, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        *rang = false;
    }
}

impl From<End> for BrokerError {
    fn from(end: End) -> Self {
        match end {
            End::Unavailable(why) => Self::Unavailable(why.into()),
            End::Refused(why) => Self::Refused(why),
            End::Closed => Self::Closed,
        }
    }
}

impl From<BrokerError> for End {
    fn from(error: BrokerError) -> Self {
        match error {
            BrokerError::Unavailable(source) => Self::Unavailable(source.to_string()),
            BrokerError::Refused(why) => Self::Refused(why),
            BrokerError::Closed => Self::Closed,
        }
    }
}
