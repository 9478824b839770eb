use std::sync::Arc;

use async_trait::async_trait;

use super::drops::Drops;
use super::exchange::Exchange;
use super::groups::{self, Lookups};
use super::member::{Member, Membership};
use super::subscription::KafkaSubscription;
use super::url::KafkaUrl;
use crate::blocking::blocking;
use crate::{BrokerError, EventListener, Guarantees, Subscription, group_name};

pub(super) struct KafkaListener {
    url: Arc<KafkaUrl>,
    drops: Arc<Drops>,
    lookups: Arc<Lookups>,
}

impl KafkaListener {
    pub(super) fn open(url: Arc<KafkaUrl>) -> Result<Self, BrokerError> {
        Ok(Self {
            drops: Arc::new(Drops::watch(&url)?),
            lookups: Arc::default(),
            url,
        })
    }
}

#[async_trait]
impl EventListener for KafkaListener {
    fn guarantees(&self) -> Guarantees {
        Guarantees {
            ordered_per_key: true,
            durable: true,
            replayable: true,
            acknowledges_singly: false,
        }
    }

    async fn subscribe(&self, group: &str) -> Result<Box<dyn Subscription>, BrokerError> {
        group_name::check(group)?;
        let membership = Membership {
            name: group.to_owned(),
            drops: Arc::clone(&self.drops),
            since: self.drops.look().await?,
        };
        let exchange = Arc::new(Exchange::default());
        // Made first: if this call is dropped, so is the member.
        let subscription = KafkaSubscription::new(Arc::clone(&exchange));
        let url = Arc::clone(&self.url);
        blocking(move || Member::start(&url, membership, exchange)).await?;
        Ok(Box::new(subscription))
    }

    async fn drop_group(&self, group: &str) -> Result<(), BrokerError> {
        group_name::check(group)?;
        let (url, drops, group) = (Arc::clone(&self.url), Arc::clone(&self.drops), group.to_owned());
        blocking(move || groups::delete(&url, &drops, &group)).await
    }

    async fn lag(&self, group: &str) -> Result<Option<u64>, BrokerError> {
        group_name::check(group)?;
        let (url, lookups, group) = (Arc::clone(&self.url), Arc::clone(&self.lookups), group.to_owned());
        blocking(move || lookups.lag(&url, &group)).await.map(Some)
    }
}
