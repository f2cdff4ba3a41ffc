//! The directories that a registry keeps things in: that they can be written, and how much room is left.
//!
//! A directory that is not there yet is made at the start; here the one above it is tried in its place.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;

use super::finding::Finding;
use super::patience::blocking;
use crate::config::{Effective, MetadataUrl};

const CONTENT: [u8; 4096] = [b'b'; 4096];
/// Below this there is little time left, in percent.
const LITTLE: u64 = 10;

/// Tries every directory that is used.
pub(crate) async fn findings(effective: &Effective) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = Vec::new();
    for directory in directories(effective) {
        let place = directory.clone();
        let Some(looked) = blocking(move || look(&place)).await else {
            findings.push(silent(&directory));
            continue;
        };
        // Two may be in the same file system, and be tried in the same place.
        let known =
            |(device, tried): &(u64, PathBuf)| (*device == looked.device, *tried == looked.tried);
        let known: Vec<_> = seen.iter().map(known).collect();
        if !known.contains(&(true, true)) {
            findings.push(writable(&directory, &looked));
        }
        if !known.iter().any(|(same_device, _)| *same_device) {
            findings.extend(
                looked
                    .space
                    .as_ref()
                    .map(|space| room(&looked.tried, space)),
            );
        }
        seen.push((looked.device, looked.tried));
    }
    findings
}

/// Where things are kept, the database's directory first.
fn directories(effective: &Effective) -> Vec<PathBuf> {
    let mut directories = Vec::new();
    if let MetadataUrl::Sqlite(path) = effective.metadata_url() {
        let above = path.parent().filter(|above| *above != Path::new(""));
        directories.push(above.unwrap_or(Path::new(".")).to_owned());
    }
    if let blob_storage::StorageUrl::File(directory) = effective.storage_url().0 {
        directories.push(directory);
    }
    directories
}

/// What was found of a directory.
struct Looked {
    /// It itself, or the first one above it that is there.
    tried: PathBuf,
    device: u64,
    written: io::Result<()>,
    space: Option<Space>,
}

struct Space {
    total: u64,
    available: u64,
}

fn look(directory: &Path) -> Looked {
    let tried = directory
        .ancestors()
        .map(|above| {
            if above.as_os_str().is_empty() {
                Path::new(".")
            } else {
                above
            }
        })
        .find(|above| fs::symlink_metadata(above).is_ok())
        .unwrap_or(directory)
        .to_owned();
    Looked {
        device: fs::metadata(&tried).map_or(0, |metadata| metadata.dev()),
        written: write(&tried),
        space: space(&tried),
        tried,
    }
}

/// Writes a file, reads it and removes it.
fn write(directory: &Path) -> io::Result<()> {
    let path = directory.join(format!(".berth-doctor-{}", process::id()));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    let written = write_and_read(file);
    written.and(fs::remove_file(&path))
}

fn write_and_read(mut file: File) -> io::Result<()> {
    let mut read = Vec::new();
    file.write_all(&CONTENT)?;
    file.sync_all()?;
    file.rewind()?;
    file.read_to_end(&mut read)?;
    if read == CONTENT {
        Ok(())
    } else {
        Err(io::Error::other("other bytes are read than were written"))
    }
}

fn space(directory: &Path) -> Option<Space> {
    let space = rustix::fs::statvfs(directory).ok()?;
    // What is kept for root is room for nobody else.
    let used = space.f_blocks.saturating_sub(space.f_bfree);
    Some(Space {
        total: used
            .saturating_add(space.f_bavail)
            .saturating_mul(space.f_frsize),
        available: space.f_bavail.saturating_mul(space.f_frsize),
    })
}

const WRITABLE: &str = "directory";

fn writable(directory: &Path, looked: &Looked) -> Finding {
    let place = directory.display();
    let tried = looked.tried.display();
    let error = match &looked.written {
        Ok(()) if looked.tried == directory => {
            return Finding::ok(WRITABLE, format!("{place} can be written"));
        }
        Ok(()) => {
            return Finding::ok(
                WRITABLE,
                format!("{place} is made at the first start: {tried} can be written"),
            );
        }
        Err(error) => error,
    };
    let detail = format!("{tried} cannot be written ({error})");
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room: pushes are answered with 507 until then"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "mount it writable, or take another directory with --data-dir"
        }
        io::ErrorKind::PermissionDenied => {
            "make this user its owner, or take another directory with --data-dir"
        }
        io::ErrorKind::NotADirectory => {
            "there is a file of that name: take another directory with --data-dir"
        }
        _ => "look at the disk, or take another directory with --data-dir",
    };
    Finding::fail(WRITABLE, detail, advice)
}

fn silent(directory: &Path) -> Finding {
    Finding::fail(
        WRITABLE,
        format!("{} does not answer within 5 s", directory.display()),
        "look at the disk or the network file system it is on",
    )
}

fn room(place: &Path, space: &Space) -> Finding {
    const CHECK: &str = "space";
    let percent = space.available.saturating_mul(100) / space.total.max(1);
    let detail = format!(
        "{} of {} are free ({percent} %) on {}",
        bytes(space.available),
        bytes(space.total),
        place.display()
    );
    let advice = "make room, or a larger disk: when it is full, pushes are answered with 507 and pulls go on";
    if space.available == 0 {
        Finding::fail(CHECK, detail, advice)
    } else if percent < LITTLE {
        Finding::warn(CHECK, detail, advice)
    } else {
        Finding::ok(CHECK, detail)
    }
}

/// A number of bytes in the largest unit that leaves something before the point.
fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut tenths = u128::from(number) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Status;

    #[test]
    fn little_room_is_a_concern_and_none_a_failure() {
        for (available, expected) in [
            (100, Status::Ok),
            (10, Status::Ok),
            (9, Status::Warn),
            (0, Status::Fail),
        ] {
            let space = Space {
                total: 100,
                available,
            };
            assert_eq!(room(Path::new("/"), &space).status, expected, "{available}");
        }
    }

    #[test]
    fn sizes_are_written_to_be_read() {
        for (number, text) in [
            (0, "0.0 KiB"),
            (1536, "1.5 KiB"),
            (5 << 20, "5.0 MiB"),
            (3 << 40, "3.0 TiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn nothing_stays_in_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("a/b");
        let looked = look(&inside);
        assert_eq!(looked.tried, directory.path());
        assert!(looked.written.is_ok() && looked.space.is_some());
        assert_eq!(writable(&inside, &looked).status, Status::Ok);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_its_place_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let finding = writable(&file.join("x"), &look(&file.join("x")));
        assert_eq!(finding.status, Status::Fail);
        assert!(finding.detail.contains("file"), "{finding}");
    }
}
