//! Faults as tests order them, by variables of the environment. A variable that cannot be read ends the process at
//! once: a test whose fault is misspelt would pass for nothing.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::SignedDuration;
use persistence::Stores;
use rustix::process::{Signal, getpid, kill_process};
use tokio::time::Instant;

use super::heedless_journal::HeedlessJournal;
use super::late_journal::LateJournal;

/// `POINT@N`: the process kills itself when it comes to this point for the Nth time.
pub const KILL: &str = "MYEVENTS_KILL";
/// Guards that are off, separated by commas.
pub const UNGUARD: &str = "MYEVENTS_UNGUARD";
/// A file that holds how many seconds the wall clock is ahead; absent or empty means none.
pub const CLOCK_OFFSET: &str = "MYEVENTS_CLOCK_OFFSET";
/// `GROUPS@N`: consumers of groups whose names begin with that take every batch N milliseconds late.
pub const LATE: &str = "MYEVENTS_LATE";

/// Every point, in the order in which a request and what it leads to come by.
pub const POINTS: &[&str] = &[
    "service.claimed",
    "service.generation",
    "users.named",
    "events.placed",
    "desk.decided",
    "desk.appended",
    "desk.answered",
    "users.registered",
    "relay.leased",
    "relay.read",
    "relay.emitted",
    "relay.marked",
    "consumer.taken",
    "views.computed",
    "views.indexed",
    "location.noted",
    "policy.reacted",
    "consumer.handled",
    "consumer.parking",
    "consumer.parked",
    "consumer.unparking",
    "consumer.unparked",
    "consumer.stored",
    "consumer.acknowledged",
];

/// Where commands can die.
const POINTS_OF_COMMANDS: &[&str] = &[
    "move.begun",
    "move.appended",
    "move.copied",
    "move.compared",
    "move.ended",
];

/// Every guard that can be taken away.
pub const GUARDS: &[&str] = &[
    // Seats are sold up to the event's capacity only.
    "capacity",
    // Of two writers that saw the same version one learns that it was late.
    "conflict_check",
    // A repeated key is the same request.
    "idempotency_keys",
    // Whoever presents a token waits for what it names.
    "consistency_tokens",
    // A reply waits until the journal is on disk.
    "durable_reply",
    // A commit is marked as published behind its publication.
    "mark_after_emit",
    // A message is acknowledged behind its effects.
    "ack_after_apply",
    // A message that comes again changes nothing.
    "repeat_check",
    // A lease counts time that no clock setting moves.
    "monotonic_lease",
];

/// Far enough from the start of the monotonic clock for the wall clock to go back.
const ROOM_TO_GO_BACK: Duration = Duration::from_secs(365 * 24 * 3_600);

static ORDERS: LazyLock<Orders> = LazyLock::new(|| Orders::read().unwrap_or_else(|fault| refuse(&fault)));

struct Orders {
    kill: Option<Kill>,
    unguarded: Vec<String>,
    clock_offset: Option<String>,
    late: Option<Late>,
}

struct Late {
    groups: String,
    by: Duration,
}

struct Kill {
    point: String,
    at: u64,
    reached: AtomicU64,
}

/// A step is done and the next is not begun.
pub fn point(name: &'static str) {
    debug_assert!(is_point(name), "{name} is not listed");
    if let Some(kill) = &ORDERS.kill
        && kill.point == name
        && kill.reached.fetch_add(1, Ordering::Relaxed) + 1 == kill.at
    {
        die();
    }
}

fn is_point(name: &str) -> bool {
    POINTS.contains(&name) || POINTS_OF_COMMANDS.contains(&name)
}

/// A point that is only there on some ways.
pub fn point_when(condition: bool, name: &'static str) {
    if condition {
        point(name);
    }
}

/// Whether a guard is off.
pub fn unguarded(guard: &'static str) -> bool {
    debug_assert!(GUARDS.contains(&guard), "{guard} is not listed");
    ORDERS.unguarded.iter().any(|off| off == guard)
}

/// Returns when a batch of this group may be taken.
pub async fn tarry(group: &str) {
    if let Some(late) = &ORDERS.late
        && group.starts_with(&late.groups)
    {
        tokio::time::sleep(late.by).await;
    }
}

/// How far the wall clock is ahead of the machine's.
pub fn clock_offset() -> SignedDuration {
    let text = ORDERS.clock_offset.as_ref().map(std::fs::read_to_string);
    // A test that writes it anew has it empty for a moment.
    let seconds = text.and_then(Result::ok).and_then(|text| text.trim().parse().ok());
    SignedDuration::from_secs(seconds.unwrap_or(0))
}

/// The clock that leases go by: it must not care for the wall clock, unless that guard is off.
pub fn monotonic() -> Instant {
    if !unguarded("monotonic_lease") {
        return Instant::now();
    }
    let offset = clock_offset();
    let base = Instant::now() + ROOM_TO_GO_BACK;
    if offset.is_negative() {
        return base - offset.unsigned_abs();
    }
    base + offset.unsigned_abs()
}

/// The stores with those guards off that stand in them.
pub fn loosened(mut stores: Stores) -> Stores {
    if unguarded("durable_reply") {
        stores.journal = Arc::new(LateJournal::before(stores.journal));
    }
    if unguarded("conflict_check") {
        stores.journal = Arc::new(HeedlessJournal::before(stores.journal));
    }
    stores
}

/// As `kill -9` does it: nothing is unwound, flushed or said.
fn die() -> ! {
    // Where this fails the process ends as abruptly.
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}

fn refuse(fault: &str) -> ! {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "error: {fault}");
    std::process::exit(1)
}

impl Orders {
    fn read() -> Result<Self, String> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        Ok(Self {
            kill: variable(KILL).as_deref().map(Kill::parse).transpose()?,
            unguarded: parse_guards(&variable(UNGUARD).unwrap_or_default())?,
            clock_offset: variable(CLOCK_OFFSET),
            late: variable(LATE).as_deref().map(Late::parse).transpose()?,
        })
    }
}

impl Late {
    fn parse(text: &str) -> Result<Self, String> {
        let order = text
            .split_once('@')
            .and_then(|(groups, by)| Some((groups, by.parse().ok()?)));
        let (groups, by) = order.ok_or_else(|| format!("{LATE}: `{text}` is not GROUPS@MILLISECONDS"))?;
        Ok(Self {
            groups: groups.to_owned(),
            by: Duration::from_millis(by),
        })
    }
}

impl Kill {
    fn parse(text: &str) -> Result<Self, String> {
        let order = text
            .split_once('@')
            .and_then(|(point, at)| Some((point, at.parse().ok()?)));
        match order {
            Some((point, at)) if is_point(point) && at > 0 => Ok(Self {
                point: point.to_owned(),
                at,
                reached: AtomicU64::new(0),
            }),
            _ => Err(format!("{KILL}: `{text}` is not POINT@N with a point that there is")),
        }
    }
}

fn parse_guards(text: &str) -> Result<Vec<String>, String> {
    let named: Vec<String> = text.split_terminator(',').map(str::to_owned).collect();
    match named.iter().find(|name| !GUARDS.contains(&name.as_str())) {
        Some(unknown) => Err(format!("{UNGUARD}: there is no guard `{unknown}`")),
        None => Ok(named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_name_a_point_and_a_count() {
        let kill = Kill::parse("relay.emitted@3").ok().unwrap();
        assert_eq!((kill.point.as_str(), kill.at), ("relay.emitted", 3));
        for nonsense in [
            "relay.emitted",
            "relay.emitted@0",
            "relay.emitted@x",
            "relay.omitted@1",
            "@1",
        ] {
            assert!(Kill::parse(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn who_is_late_is_named_with_a_time() {
        let late = Late::parse("booking.@250").ok().unwrap();
        assert_eq!(
            (late.groups.as_str(), late.by),
            ("booking.", Duration::from_millis(250))
        );
        for nonsense in ["booking.", "booking.@", "booking.@soon", "booking.@-1"] {
            assert!(Late::parse(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn a_guard_that_there_is_not_is_refused() {
        assert_eq!(parse_guards("").unwrap(), Vec::<String>::new());
        assert_eq!(
            parse_guards("capacity,durable_reply").unwrap(),
            ["capacity", "durable_reply"]
        );
        assert!(parse_guards("capacity,dignity").is_err());
    }
}
