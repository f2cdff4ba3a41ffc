//! `berth doctor`: writes what was found, and ends with a code that a script can go by.

use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::runtime::Builder;

use crate::config::{self, Sources};
use crate::doctor::{self, Format, Report};
use crate::failure::Failure;

/// A call that hangs on a dead disk or a resolver must not keep the process.
const LAST_CALLS: Duration = Duration::from_millis(100);

/// Looks at everything that these settings lead to.
pub(crate) fn run(sources: &Sources, format: Format) -> Result<(), Failure> {
    let mut report = Report::new(format);
    let effective = match config::load(sources) {
        Ok(effective) => effective,
        Err(problems) => {
            // As lines, they are what the command fails with.
            if format == Format::Json {
                report.add(doctor::refused(&problems))?;
                report.finish()?;
            }
            return Err(problems.into());
        }
    };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let examined = runtime.block_on(doctor::examine(&effective, &mut report));
    runtime.shutdown_timeout(LAST_CALLS);
    examined?;
    report.finish()?;
    match (report.failures(), report.checks()) {
        (0, _) => Ok(()),
        (failures, checks) => Err(anyhow!("{failures} of {checks} checks failed").into()),
    }
}
