//! Nothing but regular files is opened, and no symlink followed, whoever walks the path.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use tempfile::TempDir;

use super::*;

/// A tree beside a victim outside it, once for each way to walk.
fn trees() -> Vec<(Tree, PathBuf, TempDir)> {
    [Resolution::Kernel, Resolution::Steps]
        .into_iter()
        .map(|resolution| {
            let directory = tempfile::tempdir().unwrap();
            let root = directory.path().join("root");
            fs::create_dir_all(root.join("inner")).unwrap();
            fs::create_dir(directory.path().join("outer")).unwrap();
            fs::write(directory.path().join("outer/file"), "victim").unwrap();
            fs::write(root.join("inner/file"), "ours").unwrap();
            let handle = fs::File::open(&root).unwrap();
            (Tree::new(handle.into(), resolution), root, directory)
        })
        .collect()
}

fn make_fifo(path: &Path) {
    let mode = Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(CWD, path, FileType::Fifo, mode, 0).unwrap();
}

#[track_caller]
fn assert_foreign<T: std::fmt::Debug>(tree: &Tree, result: Result<T, BlobStoreError>, at: &str) {
    let resolution = tree.resolution;
    match result {
        Err(BlobStoreError::Foreign(path)) => assert_eq!(path, at, "{resolution:?}"),
        other => panic!("{resolution:?}: {other:?}"),
    }
}

const ACCESSES: [Access; 3] = [Access::Read, Access::Write, Access::Create];

#[test]
fn this_kernel_resolves_paths_itself() {
    let here = fs::File::open(".").unwrap();
    assert_eq!(Resolution::detect(here.as_fd()), Resolution::Kernel);
}

#[test]
fn regular_files_are_opened_or_absent() {
    for (tree, root, _directory) in trees() {
        assert_eq!(
            length(&tree.file("inner/file", Access::Read).unwrap().unwrap()).unwrap(),
            4
        );
        for absent in ["absent", "inner/absent", "absent/file"] {
            assert!(tree.file(absent, Access::Read).unwrap().is_none());
            assert!(tree.file(absent, Access::Write).unwrap().is_none());
        }
        assert!(tree.file("absent/file", Access::Create).unwrap().is_none());
        tree.file("inner/new", Access::Create).unwrap().unwrap();
        let mode = fs::metadata(root.join("inner/new"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn symlinks_are_not_followed() {
    for (tree, root, directory) in trees() {
        symlink("../../outer/file", root.join("inner/link")).unwrap();
        symlink("file", root.join("inner/harmless")).unwrap();
        symlink("../../outer/absent", root.join("inner/dangling")).unwrap();
        symlink("../outer", root.join("away")).unwrap();
        for path in [
            "inner/link",
            "inner/harmless",
            "inner/dangling",
            "away/file",
            "away/new",
        ] {
            for access in ACCESSES {
                assert_foreign(&tree, tree.file(path, access), path);
            }
            if let Some(opened) = tree.cached_file(path) {
                assert_foreign(&tree, opened, path);
            }
        }
        assert_foreign(&tree, tree.directory("away"), "away");
        assert_foreign(&tree, tree.unlink("away", "file"), "away");
        let outside = fs::read_dir(directory.path().join("outer")).unwrap();
        assert_eq!(
            outside.count(),
            1,
            "nothing was created or removed behind a symlink"
        );
    }
}

#[test]
fn whatever_is_no_regular_file_is_refused_at_once() {
    for (tree, root, _directory) in trees() {
        make_fifo(&root.join("inner/fifo"));
        let _socket = std::os::unix::net::UnixListener::bind(root.join("inner/socket")).unwrap();
        fs::create_dir(root.join("inner/directory")).unwrap();
        for path in ["inner/fifo", "inner/socket", "inner/directory"] {
            for access in ACCESSES {
                assert_foreign(&tree, tree.file(path, access), path);
            }
        }
        assert_foreign(&tree, tree.directory("inner/file"), "inner/file");
        assert_foreign(&tree, tree.unlink("inner", "directory"), "inner/directory");
    }
}

#[test]
fn a_file_with_a_second_name_is_read_but_not_written() {
    for (tree, root, directory) in trees() {
        fs::hard_link(
            directory.path().join("outer/file"),
            root.join("inner/second"),
        )
        .unwrap();
        tree.file("inner/second", Access::Read).unwrap().unwrap();
        for access in [Access::Write, Access::Create] {
            assert_foreign(&tree, tree.file("inner/second", access), "inner/second");
        }
    }
}

#[test]
fn a_path_in_memory_is_opened_without_waiting() {
    let (tree, root, _directory) = trees().remove(0);
    fs::metadata(root.join("inner/file")).unwrap();
    let opened = tree
        .cached_file("inner/file")
        .expect("the entry was looked up just now");
    assert_eq!(length(&opened.unwrap().unwrap()).unwrap(), 4);
}

#[test]
fn a_rename_replaces_what_has_the_name() {
    for (tree, root, _directory) in trees() {
        fs::create_dir(root.join("other")).unwrap();
        fs::write(root.join("other/file"), "taken").unwrap();
        tree.rename("file", ["inner", "other"]).unwrap();
        assert_eq!(fs::read(root.join("other/file")).unwrap(), b"ours");
        assert!(!root.join("inner/file").exists());
    }
}
