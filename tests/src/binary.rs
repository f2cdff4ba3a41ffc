//! Finds the `berth` binary under test, building it first so that a suite never runs against yesterday's server.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The path of the binary. `BERTH_BINARY` names one that is there already (a release build, a package); otherwise it
/// is built, once per test process, in the profile and target directory of the running test.
pub fn berth() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| env::var_os("BERTH_BINARY").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let mut command = Command::new(env!("CARGO"));
    // The whole workspace and one test target are named so that Cargo chooses the same dependency features as
    // `cargo test --workspace` did: with `-p berth` alone half the dependencies would be compiled a second time.
    command.args([
        "build",
        "--quiet",
        "--workspace",
        "--bin",
        "berth",
        "--test",
        "counts",
    ]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let status = command
        .current_dir(workspace())
        .status()
        .expect("cargo runs");
    assert!(
        status.success(),
        "the berth binary could not be built: {status}"
    );
    profile_directory().join("berth")
}

/// `target/<profile>`: the running test lies in its `deps`.
fn profile_directory() -> PathBuf {
    let test = env::current_exe().expect("the path of the running test is known");
    let dependencies = test.parent().expect("the test lies in a directory");
    dependencies
        .parent()
        .expect("deps lies in the profile directory")
        .to_owned()
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
}
