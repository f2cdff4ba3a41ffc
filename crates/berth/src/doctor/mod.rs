//! `berth doctor`: everything that an installation stands on, looked at one by one. A file is a check, or a few that
//! belong together; each says what it found and what to do about it, and `finding` writes that.
//!
//! Nothing is opened for serving, nothing that stays is changed, nothing is waited for longer than a few seconds, and
//! no secret gets into a finding.

mod bucket;
mod certificate;
mod clocks;
mod configuration;
mod database;
mod disk;
mod embedded;
mod finding;
mod marks;
mod open_files;
mod patience;
mod ports;
mod redirect;
mod running;
mod site;

use std::io;

use blob_storage::StorageUrl;

pub(crate) use configuration::refused;
pub(crate) use finding::{Format, Report};

use crate::config::{Effective, MetadataUrl};
use running::Running;
use site::Site;

/// Looks at everything, nearest first.
pub(crate) async fn examine(effective: &Effective, report: &mut Report) -> io::Result<()> {
    let configuration = effective.configuration();
    let site = Site::of(effective);
    report.add(configuration::examine(effective, &site))?;

    let admin = configuration.admin.listen.socket();
    let running = Running::ask(admin).await;
    report.add(running.finding(admin))?;
    report.add(ports::examine(configuration, &running))?;
    report.add([open_files::examine(configuration)])?;
    report.add(disk::findings(effective).await)?;
    report.add(certificate::findings(configuration, &site).await)?;
    report.add(match effective.metadata_url() {
        MetadataUrl::Sqlite(path) => vec![embedded::database(&path, &running).await],
        MetadataUrl::Postgres(url) => database::findings(&url, configuration).await,
    })?;
    report.add(match effective.storage_url().0 {
        StorageUrl::File(directory) => vec![embedded::storage(&directory, &running).await],
        StorageUrl::S3(url) => bucket::findings(&url, configuration, &site).await,
    })
}
