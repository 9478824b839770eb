use chassis::Recorded;
use chassis::desk::Aggregate;
use contracts::{DomainEvent, EventCancelled, EventDetails, LocationDetails};
use jiff::{SignedDuration, Timestamp};

use super::{Patch, Violation, patch};

/// Longer events are several events.
pub(crate) const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 366);

/// The stream `event/<id>`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Event {
    pub(crate) details: Option<EventDetails>,
    pub(crate) cancelled: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum EventCommand {
    Create(Box<EventDetails>),
    /// Create it as another program tells of it, unless it is there: it may still lack its location, and so a capacity.
    Adopt(Box<EventDetails>),
    Change(Box<EventChange>),
    Cancel,
    /// The event's location has changed to this version.
    FollowLocation(Place),
}

/// A location at one of its versions.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    pub(crate) details: LocationDetails,
    pub(crate) version: u64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct EventChange {
    pub(crate) name: Option<String>,
    pub(crate) description: Patch<String>,
    pub(crate) image_url: Patch<String>,
    pub(crate) start_time: Option<Timestamp>,
    pub(crate) end_time: Option<Timestamp>,
    pub(crate) duration: Patch<u32>,
    pub(crate) place: Option<Place>,
    pub(crate) hall: Patch<String>,
    pub(crate) capacity: Patch<u32>,
    pub(crate) max_seats_per_booking: Patch<u32>,
    pub(crate) max_seats_per_user: Patch<u32>,
    pub(crate) sales_start: Patch<Timestamp>,
    pub(crate) sales_end: Patch<Timestamp>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EventRejection {
    AlreadyExists,
    Unknown,
    Cancelled,
    Invalid(Vec<Violation>),
}

impl Aggregate for Event {
    type Command = EventCommand;
    type Rejection = EventRejection;

    fn decide(&self, command: &EventCommand, now: Timestamp) -> Result<Vec<DomainEvent>, EventRejection> {
        match (command, &self.details) {
            (EventCommand::Create(details), None) => decide_creation(details),
            (EventCommand::Create(_), Some(_)) => Err(EventRejection::AlreadyExists),
            (EventCommand::Adopt(details), None) => decide_adoption(details),
            (EventCommand::Adopt(_), Some(_)) => Ok(Vec::new()),
            (_, None) => Err(EventRejection::Unknown),
            (EventCommand::Change(_), Some(_)) if self.cancelled => Err(EventRejection::Cancelled),
            (EventCommand::Change(change), Some(details)) => decide_change(details, change),
            (EventCommand::Cancel, Some(_)) if self.cancelled => Ok(Vec::new()),
            (EventCommand::Cancel, Some(details)) => Ok(vec![DomainEvent::EventCancelled(EventCancelled {
                id: details.id.clone(),
                name: details.name.clone(),
            })]),
            (EventCommand::FollowLocation(place), Some(details)) => Ok(self.follow(details, place, now)),
        }
    }

    fn apply(&mut self, recorded: &Recorded) {
        match &recorded.event {
            DomainEvent::EventCreated(details) | DomainEvent::EventChanged(details) => {
                self.details = Some(details.clone());
            }
            DomainEvent::EventCancelled(_) => self.cancelled = true,
            _ => {}
        }
    }
}

impl Event {
    /// Only coming events follow their location, and none goes back to an earlier version of it.
    fn follow(&self, details: &EventDetails, place: &Place, now: Timestamp) -> Vec<DomainEvent> {
        let known = details.location_version.unwrap_or(0);
        let elsewhere = details.location_id != place.details.id;
        if self.cancelled || elsewhere || known >= place.version || details.end_time <= now {
            return Vec::new();
        }
        let mut changed = details.clone();
        settle_in(&mut changed, place);
        vec![DomainEvent::EventChanged(changed)]
    }
}

fn decide_creation(details: &EventDetails) -> Result<Vec<DomainEvent>, EventRejection> {
    check(details).map_err(EventRejection::Invalid)?;
    Ok(vec![DomainEvent::EventCreated(details.clone())])
}

fn decide_adoption(details: &EventDetails) -> Result<Vec<DomainEvent>, EventRejection> {
    check_times(details).map_err(EventRejection::Invalid)?;
    Ok(vec![DomainEvent::EventCreated(details.clone())])
}

fn decide_change(current: &EventDetails, change: &EventChange) -> Result<Vec<DomainEvent>, EventRejection> {
    let changed = change.applied_to(current);
    // One that was adopted may wait for its capacity still; whoever changes something else need not know it.
    let has_waited = current.capacity.is_none() && !change.is_about_seats();
    let checked = if has_waited {
        check_times(&changed)
    } else {
        check(&changed)
    };
    checked.map_err(EventRejection::Invalid)?;
    if changed == *current {
        return Ok(Vec::new());
    }
    Ok(vec![DomainEvent::EventChanged(changed)])
}

impl EventChange {
    fn is_about_seats(&self) -> bool {
        self.place.is_some() || self.hall.is_some() || self.capacity.is_some()
    }

    fn applied_to(&self, current: &EventDetails) -> EventDetails {
        let change = self.clone();
        let mut details = current.clone();
        details.name = change.name.unwrap_or(details.name);
        details.start_time = change.start_time.unwrap_or(details.start_time);
        patch(&mut details.description, change.description);
        patch(&mut details.image_url, change.image_url);
        patch(&mut details.duration, change.duration);
        details.end_time = self.new_end(&details);
        patch(&mut details.hall, change.hall);
        patch(&mut details.own_capacity, change.capacity);
        patch(&mut details.max_seats_per_booking, change.max_seats_per_booking);
        patch(&mut details.max_seats_per_user, change.max_seats_per_user);
        patch(&mut details.sales_start, change.sales_start);
        patch(&mut details.sales_end, change.sales_end);
        match &change.place {
            Some(place) => move_to(&mut details, place),
            None => details.capacity = capacity(&details),
        }
        details
    }

    /// The end as stated; else by a stated duration; else as it was.
    fn new_end(&self, details: &EventDetails) -> Timestamp {
        match (self.end_time, self.duration.flatten()) {
            (Some(end), _) => end,
            (None, Some(minutes)) => end_after(details.start_time, minutes).unwrap_or(details.end_time),
            (None, None) => details.end_time,
        }
    }
}

/// `None` beyond the end of time.
pub(crate) fn end_after(start: Timestamp, minutes: u32) -> Option<Timestamp> {
    start.checked_add(SignedDuration::from_mins(i64::from(minutes))).ok()
}

/// Puts the event at another place; its hall has to be there.
pub(crate) fn move_to(details: &mut EventDetails, place: &Place) {
    details.location_id.clone_from(&place.details.id);
    details.location = Some(place.details.clone());
    details.location_version = Some(place.version);
    details.capacity = capacity(details);
}

/// Takes over a changed location. Where it tells no capacity any more (its hall is gone) the seats stay as they were:
/// people have bought them.
fn settle_in(details: &mut EventDetails, place: &Place) {
    let before = details.capacity;
    move_to(details, place);
    details.capacity = details.capacity.or(before);
}

/// The event's own capacity, else its hall's, else all of its location's halls'.
pub(crate) fn capacity(details: &EventDetails) -> Option<u32> {
    let location = details.location.as_ref();
    details.own_capacity.or_else(|| match &details.hall {
        Some(name) => location?
            .halls
            .iter()
            .find(|hall| hall.name == *name)
            .map(|hall| hall.capacity),
        None => location?.total_capacity(),
    })
}

/// The rules between fields.
pub(crate) fn check(details: &EventDetails) -> Result<(), Vec<Violation>> {
    let mut violations = check_times(details).err().unwrap_or_default();
    check_seats(details, &mut violations);
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}

fn check_times(details: &EventDetails) -> Result<(), Vec<Violation>> {
    let mut violations = Vec::new();
    if details.end_time <= details.start_time {
        violations.push(Violation::new("end_time", "must be after start_time"));
    } else if details.end_time.duration_since(details.start_time) > LONGEST {
        violations.push(Violation::new("end_time", "must be at most 366 days after start_time"));
    }
    check_sales(details, &mut violations);
    if violations.is_empty() { Ok(()) } else { Err(violations) }
}

fn check_sales(details: &EventDetails, violations: &mut Vec<Violation>) {
    let sales_end = details.sales_end.unwrap_or(details.start_time);
    if details.sales_end.is_some_and(|end| end > details.end_time) {
        violations.push(Violation::new("sales_end", "must not be after end_time"));
    }
    if details.sales_start.is_some_and(|start| start >= sales_end) {
        violations.push(Violation::new(
            "sales_start",
            "must be before sales_end (by default start_time)",
        ));
    }
}

fn check_seats(details: &EventDetails, violations: &mut Vec<Violation>) {
    let halls = details.location.as_ref().map_or(&[][..], |location| &location.halls);
    match &details.hall {
        Some(name) if halls.iter().all(|hall| hall.name != *name) => {
            violations.push(Violation::new("hall", "must name one of the location's halls"));
        }
        _ if details.capacity.is_none() => {
            violations.push(Violation::new(
                "capacity",
                "is required where the location has no halls",
            ));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use contracts::Hall;

    use super::*;

    const HOUR: i64 = 3_600;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_797_343_200 + hour * HOUR).unwrap()
    }

    fn opera(capacities: &[u32]) -> Place {
        let halls = capacities.iter().enumerate().map(|(i, capacity)| Hall {
            name: format!("Hall {i}"),
            location: String::new(),
            capacity: *capacity,
        });
        Place {
            details: LocationDetails {
                id: "opera".to_owned(),
                external_id: None,
                name: "Opera".to_owned(),
                address: String::new(),
                country: String::new(),
                open_time: None,
                close_time: None,
                time_zone: "UTC".to_owned(),
                halls: halls.collect(),
            },
            version: 1,
        }
    }

    fn aida(place: &Place) -> EventDetails {
        let mut details = EventDetails {
            id: "aida".to_owned(),
            name: "Aida".to_owned(),
            description: None,
            image_url: None,
            organiser: None,
            start_time: at(0),
            end_time: at(2),
            duration: None,
            location_id: String::new(),
            location: None,
            location_version: None,
            hall: None,
            own_capacity: None,
            capacity: None,
            max_seats_per_booking: None,
            max_seats_per_user: None,
            sales_start: None,
            sales_end: None,
        };
        move_to(&mut details, place);
        details
    }

    fn given(details: EventDetails) -> Event {
        Event {
            details: Some(details),
            cancelled: false,
        }
    }

    fn fields(result: Result<Vec<DomainEvent>, EventRejection>) -> Vec<&'static str> {
        match result {
            Err(EventRejection::Invalid(violations)) => violations.iter().map(|v| v.field).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn change(event: &Event, change: EventChange) -> Result<Vec<DomainEvent>, EventRejection> {
        event.decide(&EventCommand::Change(Box::new(change)), at(-9))
    }

    fn changed(result: Result<Vec<DomainEvent>, EventRejection>) -> EventDetails {
        match result.unwrap().pop() {
            Some(DomainEvent::EventChanged(details)) => details,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn capacity_is_the_events_own_else_its_halls_else_all_halls() {
        let mut details = aida(&opera(&[10, 20]));
        assert_eq!(capacity(&details), Some(30));
        details.hall = Some("Hall 1".to_owned());
        assert_eq!(capacity(&details), Some(20));
        details.own_capacity = Some(5);
        assert_eq!(capacity(&details), Some(5));
    }

    #[test]
    fn an_adopted_event_may_wait_for_its_location_and_follows_it() {
        let mut details = aida(&opera(&[]));
        details.location = None;
        details.location_version = None;
        let adopt = EventCommand::Adopt(Box::new(details.clone()));
        let created = Event::default().decide(&adopt, at(-9));
        assert_eq!(created, Ok(vec![DomainEvent::EventCreated(details.clone())]));
        let event = given(details.clone());
        assert_eq!(event.decide(&adopt, at(-9)), Ok(vec![]), "twice");
        let renamed = EventChange {
            name: Some("Aida, again".to_owned()),
            ..EventChange::default()
        };
        assert_eq!(changed(change(&event, renamed)).name, "Aida, again");
        let hall = EventChange {
            hall: Some(Some("Hall 1".to_owned())),
            ..EventChange::default()
        };
        assert_eq!(fields(change(&event, hall)), ["hall"]);
        let follow = EventCommand::FollowLocation(opera(&[10, 20]));
        assert_eq!(changed(event.decide(&follow, at(-9))).capacity, Some(30));
        details.end_time = details.start_time;
        let ends_at_once = EventCommand::Adopt(Box::new(details));
        assert_eq!(fields(Event::default().decide(&ends_at_once, at(-9))), ["end_time"]);
    }

    #[test]
    fn rules_between_fields_are_all_named() {
        let mut details = aida(&opera(&[]));
        details.end_time = details.start_time;
        details.sales_start = Some(at(1));
        let result = Event::default().decide(&EventCommand::Create(Box::new(details)), at(-9));
        assert_eq!(fields(result), ["end_time", "sales_start", "capacity"]);
    }

    #[test]
    fn an_unknown_hall_is_refused() {
        let event = given(aida(&opera(&[10])));
        let hall = Some(Some("Cellar".to_owned()));
        assert_eq!(
            fields(change(
                &event,
                EventChange {
                    hall,
                    ..EventChange::default()
                }
            )),
            ["hall"]
        );
    }

    #[test]
    fn a_new_start_with_a_duration_moves_the_end() {
        let event = given(aida(&opera(&[10])));
        let details = changed(change(
            &event,
            EventChange {
                start_time: Some(at(5)),
                duration: Some(Some(90)),
                ..EventChange::default()
            },
        ));
        assert_eq!(
            details.end_time,
            at(5).checked_add(SignedDuration::from_mins(90)).unwrap()
        );
    }

    #[test]
    fn coming_events_follow_their_location_forwards_only() {
        let event = given(aida(&opera(&[10])));
        let mut larger = opera(&[10, 40]);
        larger.version = 2;
        let follow = EventCommand::FollowLocation(larger.clone());
        assert_eq!(changed(event.decide(&follow, at(-9))).capacity, Some(50));
        assert_eq!(event.decide(&follow, at(3)), Ok(vec![]), "over");
        let moved_on = given(aida(&Place {
            version: 3,
            ..larger.clone()
        }));
        assert_eq!(moved_on.decide(&follow, at(-9)), Ok(vec![]), "known already");
    }

    #[test]
    fn seats_stay_when_their_hall_is_gone() {
        let mut details = aida(&opera(&[10]));
        details.hall = Some("Hall 0".to_owned());
        details.capacity = capacity(&details);
        let mut empty = opera(&[]);
        empty.version = 2;
        let followed = changed(given(details).decide(&EventCommand::FollowLocation(empty), at(-9)));
        assert_eq!(followed.capacity, Some(10));
    }

    #[test]
    fn cancelling_twice_is_cancelling_once() {
        let mut event = given(aida(&opera(&[10])));
        assert_eq!(
            event.decide(&EventCommand::Cancel, at(0)).map(|events| events.len()),
            Ok(1)
        );
        event.cancelled = true;
        assert_eq!(event.decide(&EventCommand::Cancel, at(0)), Ok(vec![]));
        assert_eq!(change(&event, EventChange::default()), Err(EventRejection::Cancelled));
    }
}
