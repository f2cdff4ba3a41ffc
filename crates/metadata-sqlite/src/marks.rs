//! The marks of a database that nobody has open, for whoever examines an installation. Nothing is locked or changed.

use std::ffi::OsString;
use std::fs::metadata;
use std::path::Path;

use registry_core::ports::InstallationState;
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

/// Whether a database has a log that its file lacks: whoever used it last was killed.
pub fn has_log(path: &Path) -> bool {
    let mut log = OsString::from(path);
    log.push("-wal");
    metadata(log).is_ok_and(|log| log.len() > 0)
}

/// What the database says of moves; `None` where it is not of this release, or cannot be read as it is, since it has a
/// log. It must not be in use.
pub fn read_marks(path: &Path) -> Option<InstallationState> {
    if has_log(path) {
        return None;
    }
    let encoded: String = path.to_str()?.chars().map(encode).collect();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    // Without a lock, and without the files that a reader of a log would make.
    let uri = format!("file:{encoded}?immutable=1");
    let connection = Connection::open_with_flags(uri, flags).ok()?;
    let question = "SELECT id, moving_from, moving_storage, moving_to, moved_to, moved_to_id FROM installation WHERE one = 1";
    let uuid = |bytes: Vec<u8>| Uuid::from_slice(&bytes).unwrap_or_default();
    let marks = connection.query_row(question, [], |row| {
        Ok(InstallationState {
            id: uuid(row.get(0)?),
            moving_from: row.get::<_, Option<Vec<u8>>>(1)?.map(uuid),
            moving_storage: row.get(2)?,
            moving_to: row.get(3)?,
            moved_to: row.get(4)?,
            moved_to_id: row.get::<_, Option<Vec<u8>>>(5)?.map(uuid),
        })
    });
    marks.ok()
}

/// A character of a path within a URI.
fn encode(character: char) -> String {
    match character {
        '%' => "%25".to_owned(),
        '?' => "%3f".to_owned(),
        '#' => "%23".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection, schema};

    #[tokio::test]
    async fn marks_are_read_and_nothing_is_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("100%?#.db");
        assert_eq!(read_marks(&path), None);
        let mut migrator = connection::migrator(&path).await.unwrap();
        schema::migrate(&mut migrator).await.unwrap();
        sqlx::Connection::close(migrator).await.unwrap();
        let writer = connection::writer(&path).unwrap();
        writer
            .execute_batch("UPDATE installation SET moved_to = 'there'")
            .unwrap();
        assert!(has_log(&path));
        assert_eq!(read_marks(&path), None, "the log may say otherwise");
        drop(writer);
        assert!(!has_log(&path));
        let files = || std::fs::read_dir(directory.path()).unwrap().count();
        let before = files();
        let marks = read_marks(&path).unwrap();
        assert_eq!(marks.moved_to.as_deref(), Some("there"));
        assert_eq!((marks.moving_from, marks.moving_to), (None, None));
        assert_eq!(files(), before);
    }
}
