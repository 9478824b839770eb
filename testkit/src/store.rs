//! Which store the platform under test uses: the embedded one, or the one that `MYEVENTS_TEST_STORE` (`mongodb`) names.
//! Tests do not know the difference.

use std::path::Path;
use std::{env, fs};

use crate::place::place_of;
use crate::servers::{Kind, mongodb, shared_url};

/// The URL of the store that a service has which lives in `folder`, the same each time. `service` is `event` or
/// `booking`. Blocks until the store is there.
pub fn store_url(folder: &Path, service: &str) -> String {
    server_url(folder, service).unwrap_or_else(|| format!("sqlite:{}", folder.join(service).display()))
}

/// What a process that lives in `folder` has to be told of them.
pub(crate) fn store_variables(folder: &Path) -> Vec<(&'static str, String)> {
    let both = [
        ("MYEVENTS_EVENT__STORE", "event"),
        ("MYEVENTS_BOOKING__STORE", "booking"),
    ];
    let told = both.map(|(variable, service)| Some((variable, server_url(folder, service)?)));
    told.into_iter().flatten().collect()
}

/// What can be lost of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Everything,
    /// What was decided, and leases.
    Journal,
    /// All that is not the journal.
    Views,
}

/// Loses a part of the store of a service that lives in `folder` and does not run. Blocks.
pub fn lose(folder: &Path, service: &str, part: Part) {
    match server_url(folder, service) {
        Some(url) => mongodb::lose(&url, part),
        None => lose_files(&folder.join(service), part),
    }
}

fn lose_files(folder: &Path, part: Part) {
    let name = match part {
        Part::Everything => return fs::remove_dir_all(folder).unwrap(),
        Part::Journal => "journal.sqlite",
        Part::Views => "views.sqlite",
    };
    fs::remove_file(folder.join(name)).unwrap();
    for companion in ["-wal", "-shm"] {
        // SQLite removes them itself when it closes the file.
        let _ = fs::remove_file(folder.join(format!("{name}{companion}")));
    }
}

fn server_url(folder: &Path, service: &str) -> Option<String> {
    let name = env::var("MYEVENTS_TEST_STORE").ok().filter(|name| !name.is_empty())?;
    assert!(name == "mongodb", "MYEVENTS_TEST_STORE: `{name}` is not mongodb");
    let place = format!("{}-{service}", place_of(folder));
    Some(Kind::MongoDb.place(&shared_url(Kind::MongoDb), &place))
}
