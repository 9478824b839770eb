//! Groups: how far each has acknowledged the log.
//!
//! `groups.acknowledged` is a watermark: everything up to it is done. What was acknowledged above it stands in `acks`
//! until the gap below is closed, so that the state of a group stays small.

use rusqlite::{Connection, OptionalExtension, params};

use super::records;

pub(super) fn create(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO groups (name) VALUES (?1) ON CONFLICT DO NOTHING")?
        .execute([name])
        .map(drop)
}

pub(super) fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT id FROM groups WHERE name = ?1")?
        .query_one([name], |row| row.get(0))
        .optional()
}

pub(super) fn remove(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    let Some(group) = find(connection, name)? else {
        return Ok(());
    };
    connection.execute("DELETE FROM acks WHERE group_id = ?1", [group])?;
    connection.execute("DELETE FROM groups WHERE id = ?1", [group])?;
    Ok(())
}

/// The group's watermark; `None` once it was dropped.
pub(super) fn watermark(connection: &Connection, group: i64) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT acknowledged FROM groups WHERE id = ?1")?
        .query_one([group], |row| row.get(0))
        .optional()
}

/// Returns false where the group was dropped. `offsets` are in ascending order.
pub(super) fn acknowledge(connection: &Connection, group: i64, offsets: &[i64]) -> rusqlite::Result<bool> {
    let Some(before) = watermark(connection, group)? else {
        return Ok(false);
    };
    // Most acknowledgements follow the watermark and need no row of their own.
    let run = end_of_run(before, offsets.iter().copied());
    insert_sparse(connection, group, offsets, run)?;
    if run == before {
        return Ok(true);
    }
    let after = end_of_run(run, sparse(connection, group, run)?);
    advance(connection, group, after)?;
    Ok(true)
}

/// How far ascending `offsets` go on from `start` without a gap.
fn end_of_run(start: i64, offsets: impl IntoIterator<Item = i64>) -> i64 {
    let mut end = start;
    for offset in offsets {
        if offset > end + 1 {
            break;
        }
        end = end.max(offset);
    }
    end
}

fn insert_sparse(connection: &Connection, group: i64, offsets: &[i64], above: i64) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT INTO acks (group_id, offset) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?;
    for offset in offsets.iter().filter(|offset| **offset > above) {
        insert.execute([group, *offset])?;
    }
    Ok(())
}

/// The run of acknowledged offsets right above `above`, not those behind the next gap.
fn sparse(connection: &Connection, group: i64, above: i64) -> rusqlite::Result<Vec<i64>> {
    let mut query =
        connection.prepare_cached("SELECT offset FROM acks WHERE group_id = ?1 AND offset > ?2 ORDER BY offset")?;
    let mut rows = query.query([group, above])?;
    let mut run = Vec::new();
    let mut next = above + 1;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(0)? != next {
            break;
        }
        run.push(next);
        next += 1;
    }
    Ok(run)
}

fn advance(connection: &Connection, group: i64, watermark: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM acks WHERE group_id = ?1 AND offset <= ?2")?
        .execute([group, watermark])?;
    connection
        .prepare_cached("UPDATE groups SET acknowledged = ?2 WHERE id = ?1")?
        .execute(params![group, watermark])?;
    Ok(())
}

/// How many messages wait for the group; all of the log where there is no such group.
pub(super) fn lag(connection: &mut Connection, name: &str) -> rusqlite::Result<u64> {
    let snapshot = connection.transaction()?;
    let last = records::last_offset(&snapshot)?;
    let done: Option<i64> = snapshot
        .prepare_cached(
            "SELECT acknowledged + (SELECT count(*) FROM acks WHERE group_id = id) FROM groups WHERE name = ?1",
        )?
        .query_one([name], |row| row.get(0))
        .optional()?;
    Ok(u64::try_from(last - done.unwrap_or(0)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::super::database::Database;
    use super::*;

    fn group_and_its_log() -> (Connection, i64) {
        let folder = tempfile::tempdir().unwrap();
        let connection = Database::open(folder.path()).unwrap().connect().unwrap();
        create(&connection, "group").unwrap();
        let group = find(&connection, "group").unwrap().unwrap();
        (connection, group)
    }

    fn state(connection: &Connection, group: i64) -> (i64, i64) {
        let sparse = connection.query_one("SELECT count(*) FROM acks", [], |row| row.get(0));
        (watermark(connection, group).unwrap().unwrap(), sparse.unwrap())
    }

    #[test]
    fn the_watermark_closes_gaps_and_keeps_nothing_below_it() {
        let (connection, group) = group_and_its_log();
        for (offsets, after) in [
            (&[1, 2][..], (2, 0)),
            (&[4, 5, 9], (2, 3)),
            (&[4, 2], (2, 3)),
            (&[3], (5, 1)),
            (&[6, 8], (6, 2)),
            (&[7], (9, 0)),
        ] {
            assert!(acknowledge(&connection, group, offsets).unwrap());
            assert_eq!(state(&connection, group), after, "after {offsets:?}");
        }
    }

    #[test]
    fn a_group_that_is_made_again_is_another_one() {
        let (connection, group) = group_and_its_log();
        acknowledge(&connection, group, &[1, 3]).unwrap();
        remove(&connection, "group").unwrap();
        create(&connection, "group").unwrap();
        assert!(!acknowledge(&connection, group, &[2]).unwrap());
        let again = find(&connection, "group").unwrap().unwrap();
        assert_ne!(again, group);
        assert_eq!(state(&connection, again), (0, 0));
    }
}
