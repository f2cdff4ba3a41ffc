//! The binary: reads the command line and the configuration, builds the parts, runs them, and says what went wrong.
//! No rule of the registry lives here.

mod allocator;
mod background;
mod banner;
mod cli;
mod clock;
mod commands;
mod config;
mod doctor;
mod failure;
mod metrics;
mod moving;
mod open_files;
mod signals;
mod startup;
mod telemetry;
mod version;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use commands::moving::Afterwards;
use config::Elsewhere;
use failure::Failure;
use moving::Options;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::OutputClosed) {
                // Nobody is left to be told when standard error is gone too.
                let _ = writeln!(io::stderr(), "berth: {failure}");
            }
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(settings) => commands::serve::run(&settings.into_sources()),
        Command::Migrate(migrate) => {
            commands::migrate::run(&migrate.settings.into_sources(), migrate.check)
        }
        Command::Move(command) => {
            let afterwards = if command.exit {
                Afterwards::Exit
            } else {
                Afterwards::Serve
            };
            let options = Options {
                parallel: command.parallel,
                skip_damaged: command.skip_damaged,
            };
            let elsewhere = Elsewhere {
                metadata_url: &command.to_metadata_url,
                storage_url: &command.to_storage_url,
            };
            let sources = command.settings.into_sources();
            commands::moving::run(&sources, elsewhere, options, afterwards)
        }
        Command::Doctor(doctor) => {
            let format = if doctor.json {
                doctor::Format::Json
            } else {
                doctor::Format::Lines
            };
            commands::doctor::run(&doctor.settings.into_sources(), format)
        }
        Command::Config(command) => commands::config::run(command),
        Command::Man(man) => Ok(commands::man::run(man.dir.as_deref())?),
        Command::Completion(completion) => Ok(commands::completion::run(completion.shell)?),
        Command::Version => Ok(commands::version::run()?),
    }
}
