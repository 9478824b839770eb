use chassis::Recorded;
use chassis::desk::Aggregate;
use contracts::{DomainEvent, Hall, LocationDetails};
use jiff::Timestamp;

use super::{Patch, Violation, patch};

/// The stream `location/<id>`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Location {
    pub(crate) details: Option<LocationDetails>,
}

#[derive(Debug, Clone)]
pub(crate) enum LocationCommand {
    Create(LocationDetails),
    /// Create it unless it is there.
    Ensure(LocationDetails),
    Change(LocationChange),
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LocationChange {
    pub(crate) name: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) open_time: Patch<u8>,
    pub(crate) close_time: Patch<u8>,
    pub(crate) time_zone: Option<String>,
    pub(crate) halls: Option<Vec<Hall>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LocationRejection {
    AlreadyExists,
    Unknown,
    Invalid(Vec<Violation>),
}

impl Aggregate for Location {
    type Command = LocationCommand;
    type Rejection = LocationRejection;

    fn decide(&self, command: &LocationCommand, _now: Timestamp) -> Result<Vec<DomainEvent>, LocationRejection> {
        match (command, &self.details) {
            (LocationCommand::Create(details) | LocationCommand::Ensure(details), None) => {
                check(details).map_err(LocationRejection::Invalid)?;
                Ok(vec![DomainEvent::LocationCreated(details.clone())])
            }
            (LocationCommand::Create(_), Some(_)) => Err(LocationRejection::AlreadyExists),
            (LocationCommand::Ensure(_), Some(_)) => Ok(Vec::new()),
            (LocationCommand::Change(_), None) => Err(LocationRejection::Unknown),
            (LocationCommand::Change(change), Some(details)) => decide_change(details, change),
        }
    }

    fn apply(&mut self, recorded: &Recorded) {
        if let DomainEvent::LocationCreated(details) | DomainEvent::LocationChanged(details) = &recorded.event {
            self.details = Some(details.clone());
        }
    }
}

fn decide_change(current: &LocationDetails, change: &LocationChange) -> Result<Vec<DomainEvent>, LocationRejection> {
    let changed = change.applied_to(current);
    check(&changed).map_err(LocationRejection::Invalid)?;
    if changed == *current {
        return Ok(Vec::new());
    }
    Ok(vec![DomainEvent::LocationChanged(changed)])
}

impl LocationChange {
    fn applied_to(&self, current: &LocationDetails) -> LocationDetails {
        let change = self.clone();
        let mut details = current.clone();
        details.name = change.name.unwrap_or(details.name);
        details.address = change.address.unwrap_or(details.address);
        details.country = change.country.unwrap_or(details.country);
        details.time_zone = change.time_zone.unwrap_or(details.time_zone);
        details.halls = change.halls.unwrap_or(details.halls);
        patch(&mut details.open_time, change.open_time);
        patch(&mut details.close_time, change.close_time);
        details
    }
}

/// The rules between fields: hall names are distinct, because events name their hall.
pub(crate) fn check(details: &LocationDetails) -> Result<(), Vec<Violation>> {
    let mut names: Vec<&str> = details.halls.iter().map(|hall| hall.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(vec![Violation::new("halls", "must have distinct names")]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opera() -> LocationDetails {
        LocationDetails {
            id: "1".to_owned(),
            external_id: None,
            name: "Opera".to_owned(),
            address: String::new(),
            country: String::new(),
            open_time: Some(7),
            close_time: None,
            time_zone: "UTC".to_owned(),
            halls: vec![hall("Large"), hall("Small")],
        }
    }

    fn hall(name: &str) -> Hall {
        Hall {
            name: name.to_owned(),
            location: String::new(),
            capacity: 10,
        }
    }

    fn given(details: LocationDetails) -> Location {
        Location { details: Some(details) }
    }

    fn decide(location: &Location, command: LocationCommand) -> Result<Vec<DomainEvent>, LocationRejection> {
        location.decide(&command, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_location_is_created_once() {
        let created = decide(&Location::default(), LocationCommand::Create(opera()));
        assert_eq!(created, Ok(vec![DomainEvent::LocationCreated(opera())]));
        let again = decide(&given(opera()), LocationCommand::Create(opera()));
        assert_eq!(again, Err(LocationRejection::AlreadyExists));
        assert_eq!(decide(&given(opera()), LocationCommand::Ensure(opera())), Ok(vec![]));
    }

    #[test]
    fn a_change_touches_only_what_it_names_and_can_clear() {
        let change = LocationChange {
            name: Some("Opera House".to_owned()),
            open_time: Some(None),
            ..LocationChange::default()
        };
        let expected = LocationDetails {
            name: "Opera House".to_owned(),
            open_time: None,
            ..opera()
        };
        let changed = decide(&given(opera()), LocationCommand::Change(change));
        assert_eq!(changed, Ok(vec![DomainEvent::LocationChanged(expected)]));
    }

    #[test]
    fn a_change_to_the_same_is_no_event() {
        let change = LocationChange {
            name: Some("Opera".to_owned()),
            ..LocationChange::default()
        };
        assert_eq!(decide(&given(opera()), LocationCommand::Change(change)), Ok(vec![]));
    }

    #[test]
    fn two_halls_of_one_name_are_refused() {
        let mut details = opera();
        details.halls.push(hall("Small"));
        let rejected = decide(&Location::default(), LocationCommand::Create(details));
        assert!(matches!(rejected, Err(LocationRejection::Invalid(v)) if v[0].field == "halls"));
    }
}
