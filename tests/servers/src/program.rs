//! Finds the programs that are started here.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Where a program lies: the cache that `tests/tools/install` fills first, then Debian's places before the rest of the
/// PATH, so that the versions are the same on every machine.
pub(crate) fn find(name: &str) -> PathBuf {
    let debian = [
        "/usr/lib/postgresql/15/bin",
        "/usr/bin",
        "/usr/sbin",
        "/bin",
        "/sbin",
    ];
    let path = env::var_os("PATH").unwrap_or_default();
    let places = cache()
        .into_iter()
        .chain(debian.map(PathBuf::from))
        .chain(env::split_paths(&path));
    let mut candidates = places.map(|place| place.join(name));
    candidates
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("no {name} here: run tests/tools/install servers"))
}

fn cache() -> Option<PathBuf> {
    let base = match env::var_os("BERTH_TEST_CACHE") {
        Some(path) => PathBuf::from(path),
        None => Path::new(&env::var_os("HOME")?).join(".cache/berth"),
    };
    Some(base.join("tools/bin"))
}
