//! Real commands: clients that run to their end, and daemons that run as long as the test. Each gets a home directory
//! of its own, so that it neither reads nor leaves anything in the user's.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

/// Long enough for any command of a suite on a busy machine: only a hang reaches it.
const LIMIT: Duration = Duration::from_mins(5);

/// A command, with what each of its runs has in common.
#[derive(Clone, Debug)]
pub struct Tool {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
}

/// What a command printed.
#[derive(Clone, Debug)]
pub struct Printed {
    /// Its standard output, without white space at the end.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    succeeded: bool,
}

impl Tool {
    /// A command by name: from the cache that `tests/tools/install` fills, else from the system.
    pub fn new(name: &str) -> Self {
        Self {
            program: find(name),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: None,
        }
    }

    /// Adds arguments that every run begins with.
    #[must_use]
    pub fn arguments<T: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Runs in this directory.
    #[must_use]
    pub fn current_directory(mut self, path: &Path) -> Self {
        self.directory = Some(path.to_owned());
        self
    }

    /// Keeps its settings, caches and credentials below this directory instead of the user's home.
    #[must_use]
    pub fn home(self, path: &Path) -> Self {
        let tool = self
            .environment("HOME", path)
            .environment("TMPDIR", path)
            .environment("XDG_RUNTIME_DIR", path);
        tool.environment("XDG_CONFIG_HOME", path.join("config"))
            .environment("XDG_CACHE_HOME", path.join("cache"))
    }

    /// Runs it and expects success.
    pub async fn run<T: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = T>) -> Printed {
        let (printed, command) = self.execute(arguments).await;
        assert!(
            printed.succeeded,
            "{command} failed:\n{}\n{}",
            printed.stdout, printed.stderr
        );
        printed
    }

    /// Runs it with arguments that hold no spaces, written as one line, and expects success.
    pub async fn line(&self, arguments: &str) -> Printed {
        self.run(arguments.split_ascii_whitespace()).await
    }

    /// Runs it and expects failure.
    pub async fn line_fails(&self, arguments: &str) -> Printed {
        let (printed, command) = self.execute(arguments.split_ascii_whitespace()).await;
        assert!(
            !printed.succeeded,
            "{command} should have failed:\n{}\n{}",
            printed.stdout, printed.stderr
        );
        printed
    }

    /// Runs it and says whether it succeeded.
    pub async fn try_line(&self, arguments: &str) -> bool {
        self.execute(arguments.split_ascii_whitespace())
            .await
            .0
            .succeeded
    }

    /// Starts it as a daemon whose output goes to a file.
    pub fn start<T: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = T>,
        log: &Path,
    ) -> Daemon {
        let output = File::create(log).expect("the daemon's log is created");
        let mut command = self.command(arguments);
        command
            .stdout(output.try_clone().expect("the daemon's log is shared"))
            .stderr(output);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Daemon {
            child,
            log: log.to_owned(),
        }
    }

    async fn execute<T: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = T>,
    ) -> (Printed, String) {
        let mut command = self.command(arguments);
        let name = format!("{:?}", command.as_std());
        let output = timeout(LIMIT, command.output()).await;
        let Output {
            status,
            stdout,
            stderr,
        } = output
            .unwrap_or_else(|_| panic!("{name} did not end within {LIMIT:?}"))
            .unwrap_or_else(|error| {
                panic!("{name} does not start ({error}): run tests/tools/install clients")
            });
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end().to_owned();
        (
            Printed {
                stdout: text(stdout),
                stderr: text(stderr),
                succeeded: status.success(),
            },
            name,
        )
    }

    fn command<T: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = T>) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }
}

/// A running daemon, ended in good order when it is dropped: one that is killed leaves its children and mounts behind.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Waits until a client of the daemon succeeds.
    pub async fn wait_for(&mut self, client: &Tool, arguments: &str) {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let (printed, command) = client.execute(arguments.split_ascii_whitespace()).await;
            if printed.succeeded {
                return;
            }
            let running = self
                .child
                .try_wait()
                .expect("the daemon can be waited for")
                .is_none();
            let late = Instant::now() > deadline;
            assert!(
                running && !late,
                "{command} does not reach its daemon: {}\n{}",
                printed.stderr,
                self.log()
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// What it has printed so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Daemon {
    #[expect(
        clippy::print_stderr,
        reason = "the daemon's log belongs to the output of a failed test"
    )]
    fn drop(&mut self) {
        let id = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(id) = id {
            // It fails only when the daemon has ended already.
            let _ = kill_process(id, Signal::TERM);
            let deadline = Instant::now() + Duration::from_secs(20);
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        if std::thread::panicking() {
            eprintln!("--- {}\n{}---", self.log.display(), self.log());
        }
    }
}

/// Where a command lies: the cache of the tests first, then Debian's places before the rest of the PATH, so that the
/// versions are the same on every machine.
fn find(name: &str) -> PathBuf {
    let system = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let places = [cache()]
        .into_iter()
        .chain(system)
        .chain(env::split_paths(&path).collect::<Vec<_>>());
    let candidates = places.map(|place| place.join(name));
    candidates
        .into_iter()
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("no {name} here: run tests/tools/install clients"))
}

fn cache() -> PathBuf {
    let base = env::var_os("BERTH_TEST_CACHE")
        .map(PathBuf::from)
        .or_else(|| {
            let home = env::var_os("HOME")?;
            Some(Path::new(&home).join(".cache/berth"))
        });
    base.unwrap_or_default().join("tools/bin")
}
