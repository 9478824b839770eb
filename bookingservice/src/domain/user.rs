use chassis::Recorded;
use chassis::desk::Aggregate;
use contracts::{DomainEvent, UserRegistered};
use jiff::Timestamp;

/// The stream `user/<id>`. Names are not in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct User {
    registered: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Register {
    pub(crate) id: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UserRejection {
    AlreadyRegistered,
}

impl Aggregate for User {
    type Command = Register;
    type Rejection = UserRejection;

    fn decide(&self, command: &Register, _now: Timestamp) -> Result<Vec<DomainEvent>, UserRejection> {
        if self.registered {
            return Err(UserRejection::AlreadyRegistered);
        }
        let id = command.id.clone();
        Ok(vec![DomainEvent::UserRegistered(UserRegistered { id })])
    }

    fn apply(&mut self, recorded: &Recorded) {
        if matches!(recorded.event, DomainEvent::UserRegistered(_)) {
            self.registered = true;
        }
    }
}
