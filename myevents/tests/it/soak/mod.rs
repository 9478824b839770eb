//! Random faults for as long as asked: `make soak MINUTES=10`. After each round everything is held against what clients
//! were told, and the first difference ends it, with the folder kept. The same seed gives the same faults.
#![allow(clippy::print_stdout, reason = "a soak is read while it goes on")]

mod life;
mod schedule;

use std::io::Write;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::small_disk::may_mount;
use life::Life;

const MINUTES: u64 = 10;
/// Rounds on one folder: enough for one fault to meet what another has left, few enough to be checked in seconds.
const ROUNDS: u64 = 6;

/// Says what was going on, should it end too soon.
struct Round {
    seed: u64,
    number: u64,
    faults: String,
}

#[tokio::test]
#[ignore = "goes on for as long as MINUTES says: make soak"]
async fn soak() {
    if !may_mount("soak::soak") {
        return;
    }
    let seed = number("SEED").unwrap_or_else(new_seed);
    let minutes = number("MINUTES").unwrap_or(MINUTES);
    println!("soaking for {minutes} min, seed {seed}: make soak MINUTES={minutes} SEED={seed} repeats these faults");
    let end = Instant::now() + Duration::from_secs(minutes * 60);
    let mut rounds = 0;
    while Instant::now() < end {
        rounds += live(seed, rounds, end).await;
    }
    println!("{rounds} rounds, nothing lost, nothing doubled, seed {seed}");
}

/// Rounds on one folder, until it has had its share or time is up. Returns how many.
async fn live(seed: u64, first: u64, end: Instant) -> u64 {
    let on_small_disk = (first / ROUNDS) % 2 == 1;
    let mut life = Life::begin(on_small_disk).await;
    let mut done = 0;
    while done < ROUNDS && (done == 0 || Instant::now() < end) {
        let faults = schedule::round(seed, first + done, on_small_disk);
        let names: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let round = Round {
            seed,
            number: first + done,
            faults: names.join(", "),
        };
        let counts = life.round(seed.wrapping_add(round.number), &faults).await;
        life.check().await.assert_none();
        life.verify().await;
        round.report(counts, end);
        done += 1;
    }
    life.end().await;
    done
}

impl Round {
    fn report(&self, (done, refused, open): (usize, usize, usize), end: Instant) {
        let left = end.saturating_duration_since(Instant::now()).as_secs();
        tell(&format!(
            "{:02}:{:02} left, round {:3}: {done:5} done, {refused:4} refused, {open:3} open, {}",
            left / 60,
            left % 60,
            self.number,
            self.faults
        ));
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tell(&format!(
                "seed {}, round {} failed: {}",
                self.seed, self.number, self.faults
            ));
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} has to be a whole number, not `{text}`")),
    )
}

fn new_seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::from(since.subsec_nanos())
}

/// A line for whoever watches.
fn tell(line: &str) {
    // Where nobody watches there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "{line}");
}
