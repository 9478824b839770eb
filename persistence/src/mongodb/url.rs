use std::str::FromStr;

use crate::OpenError;

/// `mongodb://USER:PASSWORD@HOST:PORT,…/DATABASE?…` or `mongodb+srv:`, as MongoDB's own clients read it,
/// <https://www.mongodb.com/docs/manual/reference/connection-string/>. The database has to be named.
#[derive(Clone)]
pub struct MongoUrl {
    pub(super) text: String,
    pub(super) database: String,
}

/// MongoDB's own bound is 63 bytes.
const MAX_NAME_BYTES: usize = 63;

impl FromStr for MongoUrl {
    type Err = OpenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (place, options) = text.split_once('?').unwrap_or((text, ""));
        // Whatever read it would take a part of the password for something else, and show it.
        if options.contains('@') {
            return Err(OpenError::NotEncoded);
        }
        let name = place.split_once("://").and_then(|(_, rest)| rest.rsplit_once('/'));
        let database = name.map_or("", |(_, database)| database);
        let is_plain = database
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        if database.is_empty() || database.len() > MAX_NAME_BYTES || !is_plain {
            return Err(OpenError::NoDatabase);
        }
        Ok(Self {
            text: text.to_owned(),
            database: database.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_named_behind_the_hosts() {
        for (url, database) in [
            ("mongodb://localhost/events", "events"),
            ("mongodb://a:1,b:2/book-ings_2?replicaSet=rs0", "book-ings_2"),
            ("mongodb+srv://me:p%2Fw@cluster.example/events?a=/b", "events"),
        ] {
            assert_eq!(url.parse::<MongoUrl>().ok().unwrap().database, database);
        }
        let long = format!("mongodb://localhost/{}", "x".repeat(64));
        for url in [
            "mongodb://localhost",
            "mongodb://localhost/",
            "mongodb://localhost/a.b",
            "mongodb:",
            "mongodb://me:p?w@localhost/events",
            &long,
        ] {
            assert!(url.parse::<MongoUrl>().is_err(), "{url}");
        }
    }
}
