//! How a program is called, and the wrapper that makes it end with the test process.

use std::{
    ffi::{OsStr, OsString},
    fs::OpenOptions,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::geteuid;

use crate::program;

/// The user that servers run as which refuse to run as root.
const UNPRIVILEGED: &str = "postgres";

/// The command line of a server and what surrounds it.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: PathBuf,
    death_signal: &'static str,
    unprivileged: bool,
}

impl Launch {
    /// A program that keeps its files below this directory, which is also its home.
    pub(crate) fn new(name: &str, directory: &Path) -> Self {
        Self {
            program: program::find(name),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: directory.to_owned(),
            death_signal: "KILL",
            unprivileged: false,
        }
    }

    /// Adds arguments.
    pub(crate) fn arguments<T: AsRef<OsStr>>(
        mut self,
        arguments: impl IntoIterator<Item = T>,
    ) -> Self {
        let arguments = arguments
            .into_iter()
            .map(|argument| argument.as_ref().to_owned());
        self.arguments.extend(arguments);
        self
    }

    /// Sets an environment variable. There are no others but PATH, HOME and TMPDIR: a developer's own settings must
    /// not decide what a test sees.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The signal it gets when the test process ends, for those that have children or leave something behind when they
    /// are killed.
    pub(crate) fn death_signal(mut self, name: &'static str) -> Self {
        self.death_signal = name;
        self
    }

    /// Runs it as another user when this process is root's.
    pub(crate) fn unprivileged(mut self) -> Self {
        self.unprivileged = true;
        self
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// The whole command. Its first process becomes the program itself, so that its id is the program's.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(program::find("setpriv"));
        command.args(["--pdeathsig", self.death_signal]);
        if self.unprivileged && geteuid().is_root() {
            command.args(["--reuid", UNPRIVILEGED, "--regid", UNPRIVILEGED]);
            command.arg("--init-groups");
        }
        command.arg("--").arg(&self.program).args(&self.arguments);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/usr/sbin:/bin:/sbin")
            .env("HOME", &self.directory)
            .env("TMPDIR", &self.directory)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.directory);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log())
            .expect("a server's log is opened");
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a server's log is shared"))
            .stderr(log);
        command
    }
}

/// Gives a directory to the user that an unprivileged server runs as.
pub(crate) fn give_to_unprivileged(directory: &Path) {
    if !geteuid().is_root() {
        return;
    }
    let status = Command::new("chown")
        .arg(UNPRIVILEGED)
        .arg(directory)
        .status()
        .expect("chown runs");
    assert!(
        status.success(),
        "there is no user {UNPRIVILEGED}: run tests/tools/install servers"
    );
}
