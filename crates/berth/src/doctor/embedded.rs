//! Stores on this machine, which the registry that runs holds for itself. They are not opened: their files are looked
//! at, and their locks tried for a moment as one of many who only read.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use metadata_sqlite::{has_log, read_marks, sqlite_version};

use super::finding::Finding;
use super::marks;
use super::patience::blocking;
use super::running::Running;

const HEADER: [u8; 16] = *b"SQLite format 3\0";

/// A database in a file.
pub(crate) async fn database(path: &Path, running: &Running) -> Finding {
    const CHECK: &str = "database";
    let file = path.to_owned();
    let looked = blocking(move || (first_bytes(&file), lock(&beside(&file, "-lock")))).await;
    let place = format!("SQLite {}, {}", sqlite_version(), path.display());
    let Some((bytes, held)) = looked else {
        return silent(CHECK, path);
    };
    match bytes {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Finding::ok(CHECK, format!("{place} is made at the first start"))
        }
        Err(error) => Finding::fail(
            CHECK,
            format!("{} cannot be read ({error})", path.display()),
            "make this user the owner of the file, or name another one with --metadata-url",
        ),
        Ok(bytes) if !bytes.is_empty() && bytes != HEADER => Finding::fail(
            CHECK,
            format!("{} is not a SQLite database", path.display()),
            "move it away, name another file with --metadata-url, or restore a backup",
        ),
        Ok(_) if held == Held::No => {
            let file = path.to_owned();
            let looked = blocking(move || (has_log(&file), read_marks(&file))).await;
            let (has_log, marks) = looked.unwrap_or_default();
            let untold = if has_log {
                ", and ended hard: whether it was moved is told when it is opened"
            } else {
                ""
            };
            let place = format!("{place}, not in use{untold}");
            marks::judge(CHECK, place, marks.as_ref())
        }
        Ok(_) => holder(CHECK, &place, held, running),
    }
}

/// A directory of blobs.
pub(crate) async fn storage(directory: &Path, running: &Running) -> Finding {
    const CHECK: &str = "storage";
    let file = directory.join("lock");
    let place = format!("a directory, {}", directory.display());
    match blocking(move || lock(&file)).await {
        Some(held) => holder(CHECK, &place, held, running),
        None => silent(CHECK, directory),
    }
}

/// Whether somebody holds a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Yes,
    No,
    Unknown,
}

/// Whether a process has locked this file for itself.
fn lock(path: &Path) -> Held {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Held::No,
        Err(_) => return Held::Unknown,
    };
    // Closing the file gives the lock back.
    match file.try_lock_shared() {
        Ok(()) => Held::No,
        Err(TryLockError::WouldBlock) => Held::Yes,
        Err(TryLockError::Error(_)) => Held::Unknown,
    }
}

fn holder(check: &'static str, place: &str, held: Held, running: &Running) -> Finding {
    match (held, running) {
        (Held::No, _) => Finding::ok(check, format!("{place}, not in use")),
        (Held::Unknown, _) => Finding::warn(
            check,
            format!("{place}: whether it is in use cannot be seen"),
            "run this as the user that the registry runs as",
        ),
        (Held::Yes, Running::Ready | Running::Unready(_)) => Finding::ok(
            check,
            format!("{place}, held by the registry that runs here, which was asked in its place"),
        ),
        (Held::Yes, Running::Unknown) => Finding::warn(
            check,
            format!(
                "{place}, held by a process that cannot be asked, because admin.listen has port 0"
            ),
            "set admin.listen to the address that the registry gave as `admin=…` when it started",
        ),
        (Held::Yes, Running::Nobody | Running::Stranger) => Finding::fail(
            check,
            format!("{place}, held by another process, and no registry answers at admin.listen"),
            "stop that process, or take other data; if it is a registry, run this with its settings",
        ),
    }
}

fn silent(check: &'static str, path: &Path) -> Finding {
    Finding::fail(
        check,
        format!("{} does not answer within 5 s", path.display()),
        "look at the disk it is on",
    )
}

fn first_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = u64::try_from(HEADER.len()).unwrap_or(u64::MAX);
    File::open(path)?.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file beside the database, as the engine calls it.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Status;

    #[test]
    fn a_lock_is_seen_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        assert_eq!(lock(&path), Held::No);
        let holder = File::create(&path).unwrap();
        assert_eq!(lock(&path), Held::No);
        holder.try_lock().unwrap();
        assert_eq!(lock(&path), Held::Yes);
        holder.unlock().unwrap();
        holder.try_lock().unwrap();
    }

    #[test]
    fn who_holds_it_decides() {
        for (held, running, expected) in [
            (Held::No, Running::Nobody, Status::Ok),
            (Held::No, Running::Ready, Status::Ok),
            (Held::Yes, Running::Ready, Status::Ok),
            (Held::Yes, Running::Nobody, Status::Fail),
            (Held::Yes, Running::Stranger, Status::Fail),
            (Held::Yes, Running::Unknown, Status::Warn),
            (Held::Unknown, Running::Nobody, Status::Warn),
        ] {
            let finding = holder("database", "x", held, &running);
            assert_eq!(finding.status, expected, "{held:?} {running:?}");
        }
    }
}
