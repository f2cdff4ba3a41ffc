//! The command line: commands, options and their help. It reads nothing and decides nothing.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, RangedU64ValueParser};
use clap::{Args, Parser, Subcommand, ValueHint};

use crate::config::Sources;
use crate::version;

/// A container registry: one binary, every OCI artifact.
#[derive(Debug, Parser)]
#[command(
    name = "berth",
    version = version::SHORT,
    propagate_version = true,
    max_term_width = 100,
    after_help = "\
Examples:
  berth serve                        start, with data in ./berth-data, open to this machine only
  docker push localhost:5000/hello   push to it
  berth config example > berth.yaml  a file with every setting and what it means

Exit codes: 0 all went well, 1 something failed, 2 the command line or the configuration is wrong.",
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the registry
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Settings),
    /// Bring a PostgreSQL database to the schema of this release
    #[command(after_help = MIGRATE_EXAMPLES)]
    Migrate(Migrate),
    /// Take a registry to another database and other storage, while it is served
    #[command(after_help = MOVE_EXAMPLES)]
    Move(Move),
    /// Say of everything that a registry stands on whether it is right, and what to do if not
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(Doctor),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the manual page, or write all of them
    Man(Man),
    /// Print completions for a shell
    #[command(after_help = COMPLETION_EXAMPLES)]
    Completion(Completion),
    /// Print the version and what it was built from
    Version,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  berth serve
      Port 5000 of this machine, data in ./berth-data. Nothing else is needed.

  berth serve --listen 0.0.0.0:5000 --anonymous pull
      Everybody who reaches this machine can pull.

  berth serve --config /etc/berth/berth.yaml
      The rest of the settings: HTTPS, limits, logs. `berth config example` prints them all.

SIGTERM and SIGINT let requests in flight end first; SIGHUP reads the certificate again.";

const MIGRATE_EXAMPLES: &str = "\
Examples:
  berth migrate --metadata-url postgres://berth@db.example.com/berth
      Any number of these may run at once, beside running registries of the release before.

  berth migrate --check
      Changes nothing. Exit code 0: up to date; 1: there is something to do, or it cannot be told.";

const MOVE_EXAMPLES: &str = "\
Examples:
  berth move --config /etc/berth/berth.yaml \\
      --to-metadata-url postgres://berth@db.example.com/berth --to-storage-url s3://registry/berth
      In place of `berth serve`: everybody pulls and pushes as before, and pushes wait a moment in the end.

  berth move --metadata-url postgres://berth@db.example.com/berth --storage-url s3://registry/berth \\
      --to-metadata-url sqlite:/srv/berth/metadata.db --to-storage-url file:/srv/berth/storage
      And back, into a directory that is there.

Ended in whatever way, it goes on when the same command is run again. Afterwards set metadata.url and storage.url to the
new places; the old ones are left as they were, and refuse to be served.

A move that is given up, because something is damaged or fails again and again, is called to mind in the log while the
registry is served on; with --exit it ends at once.

Exit codes: 0 moved or stopped, 1 something failed or is damaged, 2 the command line or the configuration is wrong.";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  berth doctor --config /etc/berth/berth.yaml
      A line for each check, before the first start or beside running registries. It changes nothing.

  berth doctor --json | jq '.[] | select(.status != \"ok\")'
      The same for programs: check, status (ok, warn, fail), detail, advice.

Exit codes: 0 nothing failed, 1 something did, 2 the command line or the configuration is wrong.";

const COMPLETION_EXAMPLES: &str = "\
Examples:
  berth completion bash > /etc/bash_completion.d/berth
  berth completion zsh > \"${fpath[1]}/_berth\"
  berth completion fish > ~/.config/fish/completions/berth.fish";

/// The settings that have an option. All of them are text here: the configuration reads every layer in the same way.
#[derive(Debug, Default, Args)]
#[expect(
    clippy::doc_markdown,
    reason = "the comments are the help, where backticks would be shown"
)]
pub(crate) struct Settings {
    /// YAML file with settings [env: BERTH_CONFIG]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Address of the registry [env: BERTH_LISTEN] [default: 127.0.0.1:5000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// URL by which clients reach it, if not --listen [env: BERTH_EXTERNAL_URL]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    external_url: Option<String>,
    /// Directory for everything that is kept [env: BERTH_DATA_DIR] [default: ./berth-data]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    data_dir: Option<String>,
    /// Where names and manifests are kept [env: BERTH_METADATA_URL] [default: sqlite:DATA_DIR/metadata.db]
    #[arg(long, value_name = "URL")]
    metadata_url: Option<String>,
    /// Where blobs are kept [env: BERTH_STORAGE_URL] [default: file:DATA_DIR/storage]
    #[arg(long, value_name = "URL")]
    storage_url: Option<String>,
    /// Address of probes and metrics [env: BERTH_ADMIN_LISTEN] [default: 127.0.0.1:5001]
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<String>,
    /// What clients without credentials may do [env: BERTH_ANONYMOUS] [default: push on a loopback address]
    #[arg(long, value_name = "none|pull|push", hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(["none", "pull", "push"]))]
    anonymous: Option<String>,
    /// Manifests that name layers nobody pushed [env: BERTH_MISSING_REFERENCES] [default: refuse]
    #[arg(long, value_name = "refuse|accept", hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(["refuse", "accept"]))]
    missing_references: Option<String>,
    /// No other pod uses this PostgreSQL database, so blobs may lie in a directory [env: BERTH_SINGLE_POD]
    #[arg(long)]
    single_pod: bool,
}

impl Settings {
    /// These options over the environment of the process.
    pub(crate) fn into_sources(self) -> Sources {
        let options = [
            ("--listen", self.listen),
            ("--external-url", self.external_url),
            ("--data-dir", self.data_dir),
            ("--metadata-url", self.metadata_url),
            ("--storage-url", self.storage_url),
            ("--admin-listen", self.admin_listen),
            ("--anonymous", self.anonymous),
            ("--missing-references", self.missing_references),
            ("--single-pod", self.single_pod.then(|| "true".to_owned())),
        ];
        let options = options
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        Sources {
            file: self.config,
            options,
            ..Sources::of_process()
        }
    }
}

/// How to migrate.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Only say whether the schema is up to date
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Each may hold a connection to either database.
fn parallel() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=64)
}

/// Where to move, and how.
#[derive(Debug, Args)]
pub(crate) struct Move {
    /// Where names and manifests go: an empty database
    #[arg(
        long,
        value_name = "URL",
        env = "BERTH_TO_METADATA_URL",
        hide_env_values = true
    )]
    pub(crate) to_metadata_url: String,
    /// Where blobs go: an empty bucket, prefix or directory
    #[arg(
        long,
        value_name = "URL",
        env = "BERTH_TO_STORAGE_URL",
        hide_env_values = true
    )]
    pub(crate) to_storage_url: String,
    /// How many blobs, and repositories, are worked on at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = parallel())]
    pub(crate) parallel: usize,
    /// Leave behind what is missing or damaged here; else nothing is switched
    #[arg(long)]
    pub(crate) skip_damaged: bool,
    /// End when all is moved, and do not serve it from there
    #[arg(long)]
    pub(crate) exit: bool,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// How to examine.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print one JSON array at the end
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether the configuration is right, or everything that is wrong with it
    Check(Settings),
    /// Print the configuration that is in force
    Show(Show),
    /// Print a JSON Schema of the file, for editors
    Schema,
    /// Print a file with every setting, its meaning and its default
    Example,
    /// Print the reference in Markdown
    Reference,
}

/// How to show the configuration.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Also say where each value comes from
    #[arg(long)]
    pub(crate) origin: bool,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Where manual pages go.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write a page for each command into this directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

/// For which shell.
#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}
