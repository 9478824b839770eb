//! Which collections there are, what their indexes are, and the tables that hold them.
//!
//! Tables are named by numbers that are never used twice: names that differ only in case stay apart, and a collection
//! that is dropped and declared again cannot be taken for the old one. The catalogue is read in each transaction, never
//! kept in memory, because other processes declare and drop too.

use rusqlite::{Connection, OptionalExtension, params};

use crate::{BY_ID, Collection, Index, StoreError};

/// Before its number in the name of a collection that was dropped and is not cleared yet. No collection can be declared
/// by such a name.
const DROPPED: &str = "dropped:";
/// Rows that are cleared at a time: whoever else writes waits for no more.
const CLEARED: usize = 500;

/// A declared collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    number: i64,
}

/// An order of a collection's documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredIndex {
    /// `None` for the order by id, which is that of the table.
    number: Option<i64>,
    pub(super) fields: Vec<String>,
}

impl Entry {
    pub(super) fn documents(self) -> String {
        format!("documents_{}", self.number)
    }

    pub(super) fn words(self) -> String {
        format!("words_{}", self.number)
    }

    /// The index of `words` by id.
    pub(super) fn words_by_id(self) -> String {
        format!("words_{}_by_id", self.number)
    }
}

impl StoredIndex {
    const BY_ID: Self = Self {
        number: None,
        fields: Vec::new(),
    };

    /// What tells SQLite to go along it.
    pub(super) fn along(&self) -> String {
        self.number
            .map_or_else(String::new, |number| format!("INDEXED BY {}", name_of(number)))
    }

    /// The fields as SQL. An index is only used for expressions that are its own to the letter.
    pub(super) fn expressions(&self) -> Vec<String> {
        let expression = |field: &String| format!("json_extract(body, '$.\"{field}\"')");
        self.fields.iter().map(expression).collect()
    }
}

fn name_of(index: i64) -> String {
    format!("documents_by_{index}")
}

pub(super) fn create_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS collections (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
         CREATE TABLE IF NOT EXISTS indexes (
             number INTEGER PRIMARY KEY AUTOINCREMENT,
             collection INTEGER NOT NULL,
             name TEXT NOT NULL,
             fields TEXT NOT NULL,
             UNIQUE (collection, name)
         );",
    )
}

/// Fails with [`StoreError::Broken`] where no such collection is declared.
pub(super) fn entry(connection: &Connection, name: &str) -> Result<Entry, StoreError> {
    let found = find_entry(connection, name)?;
    found.ok_or_else(|| StoreError::Broken(format!("collection `{name}` is not declared")))
}

fn find_entry(connection: &Connection, name: &str) -> rusqlite::Result<Option<Entry>> {
    let mut statement = connection.prepare_cached("SELECT number FROM collections WHERE name = ?1")?;
    statement
        .query_row([name], |row| Ok(Entry { number: row.get(0)? }))
        .optional()
}

/// Fails with [`StoreError::Broken`] where the collection has no such index.
pub(super) fn index(connection: &Connection, entry: Entry, name: &str) -> Result<StoredIndex, StoreError> {
    if name == BY_ID {
        return Ok(StoredIndex::BY_ID);
    }
    let found = find_index(connection, entry, name)?;
    let (number, fields) = found.ok_or_else(|| StoreError::Broken(format!("index `{name}` is not declared")))?;
    let number = Some(number);
    Ok(StoredIndex { number, fields })
}

/// An index's number and fields.
fn find_index(connection: &Connection, entry: Entry, name: &str) -> rusqlite::Result<Option<(i64, Vec<String>)>> {
    let sql = "SELECT number, fields FROM indexes WHERE collection = ?1 AND name = ?2";
    let mut statement = connection.prepare_cached(sql)?;
    let index = statement.query_row(params![entry.number, name], |row| {
        let fields: String = row.get(1)?;
        Ok((row.get(0)?, fields.split(',').map(str::to_owned).collect()))
    });
    index.optional()
}

/// Names have been checked.
pub(super) fn declare(connection: &Connection, collection: &Collection) -> Result<(), StoreError> {
    let entry = match find_entry(connection, &collection.name)? {
        Some(entry) => entry,
        None => create_collection(connection, &collection.name)?,
    };
    for index in collection.indexes {
        declare_index(connection, entry, index)?;
    }
    Ok(())
}

fn create_collection(connection: &Connection, name: &str) -> Result<Entry, StoreError> {
    connection.execute("INSERT INTO collections (name) VALUES (?1)", [name])?;
    let entry = entry(connection, name)?;
    let (documents, words, words_by_id) = (entry.documents(), entry.words(), entry.words_by_id());
    connection.execute_batch(&format!(
        "CREATE TABLE {documents} (id TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL)
             WITHOUT ROWID;
         CREATE TABLE {words} (word TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (word, id)) WITHOUT ROWID;
         CREATE INDEX {words_by_id} ON {words} (id, word);"
    ))?;
    Ok(entry)
}

/// An index whose fields are others by now is made anew.
fn declare_index(connection: &Connection, entry: Entry, declared: &Index) -> Result<(), StoreError> {
    if let Some((number, fields)) = find_index(connection, entry, declared.name)? {
        if fields == declared.fields {
            return Ok(());
        }
        connection.execute_batch(&format!("DROP INDEX {}", name_of(number)))?;
        connection.execute("DELETE FROM indexes WHERE number = ?1", [number])?;
    }
    let sql = "INSERT INTO indexes (collection, name, fields) VALUES (?1, ?2, ?3)";
    connection.execute(sql, params![entry.number, declared.name, declared.fields.join(",")])?;
    let (name, documents) = (name_of(connection.last_insert_rowid()), entry.documents());
    let expressions = index(connection, entry, declared.name)?.expressions().join(", ");
    connection.execute_batch(&format!("CREATE INDEX {name} ON {documents} ({expressions}, id)"))?;
    Ok(())
}

/// Forgets a collection. What it held is there until [`clear_some`] has nothing left to do.
pub(super) fn drop_collection(connection: &Connection, name: &str) -> Result<(), StoreError> {
    if let Some(Entry { number }) = find_entry(connection, name)? {
        let sql = "UPDATE collections SET name = ?2 WHERE number = ?1";
        connection.execute(sql, params![number, format!("{DROPPED}{number}")])?;
    }
    Ok(())
}

/// Clears a bit of what was dropped, here or by a process that died of it. False where nothing is left.
pub(super) fn clear_some(connection: &Connection) -> Result<bool, StoreError> {
    let Some(entry) = find_dropped(connection)? else {
        return Ok(false);
    };
    let (documents, words) = (entry.documents(), entry.words());
    if delete_some(connection, &documents, "id")? || delete_some(connection, &words, "word, id")? {
        return Ok(true);
    }
    connection.execute_batch(&format!("DROP TABLE {documents}; DROP TABLE {words};"))?;
    connection.execute("DELETE FROM indexes WHERE collection = ?1", [entry.number])?;
    connection.execute("DELETE FROM collections WHERE number = ?1", [entry.number])?;
    Ok(true)
}

fn find_dropped(connection: &Connection) -> rusqlite::Result<Option<Entry>> {
    let sql = "SELECT number FROM collections WHERE name >= ?1 AND name < ?1 || 'a' ORDER BY name LIMIT 1";
    let found = connection.query_row(sql, [DROPPED], |row| Ok(Entry { number: row.get(0)? }));
    found.optional()
}

/// Deletes from the table's beginning. False where nothing was left to delete.
fn delete_some(connection: &Connection, table: &str, key: &str) -> rusqlite::Result<bool> {
    let first = format!("SELECT {key} FROM {table} ORDER BY {key} LIMIT {CLEARED}");
    let deleted = connection.execute(&format!("DELETE FROM {table} WHERE ({key}) IN ({first})"), [])?;
    Ok(deleted > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(connection: &Connection, table: &str) -> usize {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_was_dropped_is_cleared_bit_by_bit_and_even_by_the_next_life() {
        let connection = Connection::open_in_memory().unwrap();
        create_tables(&connection).unwrap();
        for name in ["large", "kept"] {
            create_collection(&connection, name).unwrap();
        }
        let large = entry(&connection, "large").unwrap();
        for number in 0..CLEARED + 7 {
            let id = format!("{number}");
            let insert = format!("INSERT INTO {} VALUES (?1, 1, '{{}}')", large.documents());
            connection.execute(&insert, [&id]).unwrap();
            let insert = format!("INSERT INTO {} VALUES ('word', ?1)", large.words());
            connection.execute(&insert, [&id]).unwrap();
        }
        drop_collection(&connection, "large").unwrap();
        assert!(entry(&connection, "large").is_err());
        assert_ne!(create_collection(&connection, "large").unwrap(), large);
        for (documents, words) in [(7, CLEARED + 7), (0, CLEARED + 7), (0, 7), (0, 0)] {
            assert!(clear_some(&connection).unwrap());
            let left = (
                count(&connection, &large.documents()),
                count(&connection, &large.words()),
            );
            assert_eq!(left, (documents, words));
        }
        assert!(clear_some(&connection).unwrap());
        assert!(!clear_some(&connection).unwrap());
        let tables = format!(
            "sqlite_schema WHERE name IN ('{}', '{}')",
            large.documents(),
            large.words()
        );
        assert_eq!(count(&connection, &tables), 0);
        assert!(entry(&connection, "kept").is_ok() && entry(&connection, "large").is_ok());
    }
}
