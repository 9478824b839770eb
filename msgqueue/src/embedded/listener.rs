use std::fs;
use std::sync::Arc;

use async_trait::async_trait;

use super::Log;
use super::database::broker_error;
use super::group;
use super::member::Member;
use super::subscription::EmbeddedSubscription;
use super::writer::Change;
use crate::blocking::blocking;
use crate::{BrokerError, EventListener, Guarantees, Subscription, group_name};

#[async_trait]
impl EventListener for Log {
    fn guarantees(&self) -> Guarantees {
        Guarantees {
            ordered_per_key: true,
            durable: true,
            replayable: true,
            acknowledges_singly: true,
        }
    }

    async fn subscribe(&self, group: &str) -> Result<Box<dyn Subscription>, BrokerError> {
        group_name::check(group)?;
        self.writer.submit(Change::CreateGroup(group.to_owned())).await?;
        let id = self.group_id(group).await?.ok_or_else(BrokerError::group_dropped)?;
        let database = Arc::clone(&self.database);
        let member = blocking(move || Member::join(&database, id)).await?;
        Ok(Box::new(EmbeddedSubscription::new(
            member,
            id,
            Arc::clone(&self.writer),
        )))
    }

    async fn drop_group(&self, group: &str) -> Result<(), BrokerError> {
        group_name::check(group)?;
        let Some(id) = self.group_id(group).await? else {
            return Ok(());
        };
        self.writer.submit(Change::DropGroup(group.to_owned())).await?;
        // Nobody waits for that lock again, so a file that stays is only untidy.
        let _ = fs::remove_file(self.database.group_lock(id));
        Ok(())
    }

    async fn lag(&self, group: &str) -> Result<Option<u64>, BrokerError> {
        group_name::check(group)?;
        let (database, name) = (Arc::clone(&self.database), group.to_owned());
        blocking(move || group::lag(&mut database.connect()?, &name).map_err(|e| broker_error(&e)))
            .await
            .map(Some)
    }
}

impl Log {
    async fn group_id(&self, name: &str) -> Result<Option<i64>, BrokerError> {
        let (database, name) = (Arc::clone(&self.database), name.to_owned());
        blocking(move || group::find(&database.connect()?, &name).map_err(|e| broker_error(&e))).await
    }
}
