//! Logs: one line an event on standard error, for people or for machines.
//!
//! Our own crates speak at the configured level. Libraries are heard only where they warn, or when everything is
//! wanted. The access log has a switch of its own.

mod fields;
mod human;
mod json;
mod lines;

use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;

use anyhow::Context;
use http_server::ACCESS_LOG_TARGET;
use tracing::field::display;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{AccessLog, Log, LogFormat, LogLevel};
use human::{Colours, Human};
use json::Json;

/// The crates of this workspace, as they appear in targets.
const OURS: [&str; 9] = [
    "berth",
    "blob_hash",
    "blob_storage",
    "http_api",
    "http_server",
    "metadata_postgres",
    "metadata_sqlite",
    "oci_types",
    "registry_core",
];

/// Starts to log. To be called once.
pub(crate) fn start(log: &Log) -> anyhow::Result<()> {
    let terminal = io::stderr().is_terminal();
    let human = match log.format {
        LogFormat::Auto => terminal,
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let writer = lines::start().context("start to log")?;
    let lines = fmt::layer().with_writer(writer);
    let lines = if human {
        let colours = if terminal && !no_colour() {
            Colours::On
        } else {
            Colours::Off
        };
        lines.event_format(Human { colours }).boxed()
    } else {
        lines.event_format(Json).boxed()
    };
    tracing_subscriber::registry()
        .with(targets(log))
        .with(lines)
        .try_init()
        .context("start to log")?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Writes the last lines. To be called at the end.
pub(crate) fn finish() {
    lines::flush();
}

/// A panic is a line of the log like every other, so that it can be found there.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message = panic
        .payload_as_str()
        .unwrap_or("something that is no text");
    let location = panic.location().map(display);
    tracing::error!(panic = message, location, "panic");
}

/// The convention of <https://no-color.org>.
#[expect(
    clippy::disallowed_methods,
    reason = "a convention of terminals, not a setting of ours"
)]
fn no_colour() -> bool {
    std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty())
}

/// What is logged.
fn targets(log: &Log) -> Targets {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let libraries = if level == LevelFilter::TRACE {
        level
    } else {
        level.min(LevelFilter::WARN)
    };
    let access = match log.access {
        AccessLog::On => LevelFilter::INFO,
        AccessLog::Off => LevelFilter::OFF,
    };
    Targets::new()
        .with_default(libraries)
        // The S3 SDK traces whole requests, signatures and tokens included.
        .with_target("aws_", libraries.min(LevelFilter::WARN))
        .with_targets(OURS.map(|name| (name, level)))
        .with_target(ACCESS_LOG_TARGET, access)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn log(level: LogLevel, access: AccessLog) -> Targets {
        targets(&Log {
            level,
            access,
            ..Log::default()
        })
    }

    #[test]
    fn libraries_are_quieter_than_we_are() {
        let info = log(LogLevel::Info, AccessLog::On);
        assert!(info.would_enable("registry_core::jobs", &Level::INFO));
        assert!(!info.would_enable("registry_core::jobs", &Level::DEBUG));
        assert!(info.would_enable("hyper::proto", &Level::WARN));
        assert!(!info.would_enable("hyper::proto", &Level::INFO));
        assert!(!log(LogLevel::Error, AccessLog::On).would_enable("hyper::proto", &Level::WARN));
        assert!(log(LogLevel::Trace, AccessLog::On).would_enable("hyper", &Level::TRACE));
    }

    #[test]
    fn the_access_log_has_its_own_switch() {
        assert!(log(LogLevel::Error, AccessLog::On).would_enable(ACCESS_LOG_TARGET, &Level::INFO));
        assert!(
            !log(LogLevel::Trace, AccessLog::Off).would_enable(ACCESS_LOG_TARGET, &Level::INFO)
        );
    }
}
