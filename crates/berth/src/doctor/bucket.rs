//! A bucket: everything the registry does with one, tried with objects that are removed again.

use std::sync::Arc;

use blob_storage::{S3Action, S3Examination, S3Options, S3Step, S3Url, examine_bucket};

use super::clocks::{self, Signed};
use super::finding::{Finding, milliseconds};
use super::redirect;
use super::site::Site;
use crate::clock::SystemClock;
use crate::config::{Configuration, Redirect};

const OTHERWISE: &str =
    "check the bucket, `endpoint` and `region` in the storage URL, and see the log of the server";

/// Tries everything, and looks at where clients are sent.
pub(crate) async fn findings(
    url: &S3Url,
    configuration: &Configuration,
    site: &Site,
) -> Vec<Finding> {
    let options = S3Options {
        url_lifetime: configuration.storage.redirect_lifetime.duration(),
        ..S3Options::new(Arc::new(SystemClock))
    };
    let examination = match examine_bucket(url, &options).await {
        Ok(examination) => examination,
        Err(error) => return vec![Finding::error("s3 bucket", &error, OTHERWISE)],
    };
    let S3Examination {
        server,
        public_url,
        clock_ahead,
        steps,
    } = &examination;
    let place = format!("{} at {server}", url.bucket);
    let redirect = configuration.storage.redirect;
    // Without redirects it does not matter what clients find there.
    let matters =
        |step: &&S3Step| redirect == Redirect::On || step.action != S3Action::GetPresigned;
    let steps = steps.iter().filter(matters);
    let mut findings: Vec<Finding> = steps.map(|tried| step(&place, tried)).collect();
    if let Some(ahead) = clock_ahead {
        findings.push(clocks::judge("s3 clock", server, *ahead, Signed::Yes));
    }
    findings.extend(redirect::findings(public_url, redirect, site));
    findings
}

fn step(place: &str, step: &S3Step) -> Finding {
    let (check, done) = match step.action {
        S3Action::Find => ("s3 bucket", place),
        S3Action::Put => ("s3 put", "an object is stored"),
        S3Action::Get => ("s3 get", "it is read back as it was"),
        S3Action::GetRange => ("s3 range", "so is a part of it"),
        S3Action::CreateUpload => ("s3 create", "an upload in parts is begun"),
        S3Action::UploadPart => ("s3 part", "a part is stored"),
        S3Action::CompleteUpload => ("s3 complete", "an object is put together"),
        S3Action::GetPresigned => ("s3 presigned", "a client gets it by a signed URL"),
        S3Action::Delete => ("s3 delete", "what was stored is removed"),
    };
    match &step.outcome {
        Ok(took) => Finding::ok(check, format!("{done}, {}", milliseconds(*took))),
        Err(error) => Finding::error(check, error, OTHERWISE),
    }
}
