//! `berth doctor`: nothing to find fault with where all is well, and where something is really broken, the line that
//! says so, what to do, and the exit code.

mod bucket;
mod certificate;
mod database;
mod healthy;
mod machine;

use std::{ffi::OsString, path::Path, process::Stdio, time::Duration};

use berth_tests::{SharedStores, TestRegistry, binary};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

/// Every step ends in a few seconds, whatever happens: only a hang reaches this.
const LIMIT: Duration = Duration::from_mins(3);

/// How the command is run.
struct Doctor {
    wrapper: Vec<String>,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    configuration: String,
    secrets: Vec<String>,
}

impl Doctor {
    /// On any free ports; a later option takes the place of these.
    fn new() -> Self {
        Self {
            wrapper: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            configuration: String::new(),
            secrets: Vec::new(),
        }
    }

    fn embedded(data: &Path) -> Self {
        Self::new().option("--data-dir", data)
    }

    fn shared(stores: &SharedStores) -> Self {
        let credentials = &stores.credentials;
        Self::new()
            .option("--metadata-url", &stores.metadata_url)
            .option("--storage-url", &stores.storage_url)
            .environment("AWS_ACCESS_KEY_ID", &credentials.access_key)
            .secret("AWS_SECRET_ACCESS_KEY", &credentials.secret_key)
    }

    /// An option is given once: the last one counts.
    fn option(mut self, name: &str, value: impl Into<OsString>) -> Self {
        let given = self.arguments.iter().position(|argument| argument == name);
        if let Some(at) = given {
            self.arguments.drain(at..at + 2);
        }
        self.arguments.extend([name.into(), value.into()]);
        self
    }

    fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A variable whose value must not be printed.
    fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.push(value.to_owned());
        self.environment(name, value)
    }

    fn configuration(mut self, yaml: &str) -> Self {
        self.configuration.push_str(yaml);
        self.configuration.push('\n');
        self
    }

    fn wrapped_in(mut self, command: &[&str]) -> Self {
        self.wrapper = command.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Where this registry listens.
    fn beside(self, registry: &TestRegistry) -> Self {
        let log = registry.log();
        let admin = log.split("admin=http://").nth(1).expect("a greeting");
        let admin = admin.split_whitespace().next().expect("an address");
        self.option("--listen", registry.address().to_string())
            .option("--admin-listen", admin)
    }

    /// Runs it, for programs.
    async fn diagnose(&self) -> Diagnosis {
        let printed = self.run(&["--json"]).await;
        let findings = serde_json::from_str(&printed.stdout)
            .unwrap_or_else(|error| panic!("{error}:\n{printed:?}"));
        Diagnosis { findings, printed }
    }

    /// Runs it.
    async fn run(&self, arguments: &[&str]) -> Printed {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = self.command(&directory);
        command.args(arguments);
        let output = timeout(LIMIT, command.output()).await;
        let output = output
            .expect("it ends")
            .expect("it starts, and so does what it is wrapped in");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let printed = Printed {
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            code: output.status.code(),
        };
        for secret in &self.secrets {
            let shown = printed.stdout.contains(secret) || printed.stderr.contains(secret);
            assert!(!shown, "it tells a secret: {printed:?}");
        }
        printed
    }

    fn command(&self, directory: &TempDir) -> Command {
        let mut words = self.wrapper.iter();
        let mut command = match words.next() {
            Some(wrapper) => {
                let mut command = Command::new(wrapper);
                command.args(words).arg(binary::berth());
                command
            }
            None => Command::new(binary::berth()),
        };
        // A developer's own settings must not decide what a test sees.
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if name_text.starts_with("BERTH_") || name_text.starts_with("PG") {
                command.env_remove(&name);
            }
        }
        command.arg("doctor").args(&self.arguments);
        for option in ["--listen", "--admin-listen"] {
            if !self.arguments.iter().any(|argument| argument == option) {
                command.args([option, "127.0.0.1:0"]);
            }
        }
        if !self.configuration.is_empty() {
            let path = directory.path().join("berth.yaml");
            std::fs::write(&path, &self.configuration).expect("the configuration is written");
            command.arg("--config").arg(path);
        }
        command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// What it printed and how it ended.
#[derive(Debug)]
struct Printed {
    stdout: String,
    stderr: String,
    code: Option<i32>,
}

/// What it found.
struct Diagnosis {
    findings: Vec<Value>,
    printed: Printed,
}

impl Diagnosis {
    /// The names of all checks, in order.
    fn checks(&self) -> Vec<&str> {
        self.findings
            .iter()
            .map(|one| field(one, "check"))
            .collect()
    }

    /// All that is not as it should be, but for the disk of this machine, which may be nearly full, and to which the
    /// servers of tests do not sync.
    fn faults(&self) -> Vec<&Value> {
        let fault = |one: &&Value| {
            let (check, status) = (field(one, "check"), field(one, "status"));
            status == "fail" || (status == "warn" && !["space", "writes"].contains(&check))
        };
        self.findings.iter().filter(fault).collect()
    }

    #[track_caller]
    fn expect_health(&self) -> &Self {
        assert!(self.faults().is_empty(), "{:#?}", self.faults());
        self.expect_code(0)
    }

    #[track_caller]
    fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.printed.code, Some(code), "{:?}", self.printed);
        self
    }

    /// Expects a finding of a check with this status, which says all of these words; what to do among them.
    #[track_caller]
    fn expect(&self, check: &str, status: &str, words: &[&str]) -> &Self {
        let found: Vec<&Value> = self
            .findings
            .iter()
            .filter(|one| field(one, "check") == check && field(one, "status") == status)
            .collect();
        let says = |one: &&Value| {
            let advice = one["advice"].as_str().unwrap_or_default();
            let said = format!("{} {advice}", field(one, "detail")).to_lowercase();
            let all = words.iter().all(|word| said.contains(&word.to_lowercase()));
            all && (status == "ok" || !advice.is_empty())
        };
        assert!(
            found.iter().any(says),
            "no {status} of {check} says {words:?}: {:#?}",
            self.findings
        );
        self
    }

    /// Expects one failure and nothing else to find fault with.
    #[track_caller]
    fn expect_only(&self, check: &str, words: &[&str]) -> &Self {
        self.expect(check, "fail", words);
        assert_eq!(self.faults().len(), 1, "{:#?}", self.faults());
        self.expect_code(1)
    }
}

fn field<'a>(finding: &'a Value, name: &str) -> &'a str {
    finding[name].as_str().expect("a text")
}
