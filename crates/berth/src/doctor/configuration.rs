//! The configuration: that it is right, and what of it may not have been meant.

use super::finding::Finding;
use super::site::Site;
use crate::config::{Anonymous, Effective, Problems, redacted};

const CHECK: &str = "configuration";

/// A configuration that obeys the rules.
pub(crate) fn examine(effective: &Effective, site: &Site) -> Vec<Finding> {
    let metadata = redacted(&effective.metadata_url().to_string());
    let storage = redacted(&effective.storage_url().to_string());
    let mut findings = vec![Finding::ok(
        CHECK,
        format!("it is right: metadata in {metadata}, blobs in {storage}"),
    )];
    findings.extend(plain(site));
    findings.extend(open(effective, site));
    findings
}

/// One that does not.
pub(crate) fn refused(problems: &Problems) -> impl Iterator<Item = Finding> {
    let advice = "correct it; `berth config reference` tells what each setting may be";
    let finding = move |problem: String| Finding::fail(CHECK, problem, advice);
    problems.0.iter().map(ToString::to_string).map(finding)
}

/// Names and contents go over the network as they are.
fn plain(site: &Site) -> Option<Finding> {
    (site.public && !site.https).then(|| {
        Finding::warn(
            CHECK,
            "other machines reach the registry by plain HTTP: who is between them reads and changes what they push and \
             pull, and docker refuses to speak it",
            "set tls.certificate and tls.private_key, or put a proxy with HTTPS before it and set external_url to its \
             https:// URL",
        )
    })
}

fn open(effective: &Effective, site: &Site) -> Option<Finding> {
    (site.public && effective.anonymous() == Anonymous::Push).then(|| {
        Finding::warn(
            CHECK,
            "anyone who reaches the registry may push and delete, from other machines too",
            "set anonymous to pull or none, unless only those can reach it who may",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};
    use crate::doctor::finding::Status;

    fn statuses(options: &[(&'static str, &str)]) -> Vec<Status> {
        let options = options
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let sources = Sources {
            options,
            ..Sources::default()
        };
        let effective = load(&sources).unwrap();
        let findings = examine(&effective, &Site::of(&effective));
        findings.iter().map(|finding| finding.status).collect()
    }

    #[test]
    fn what_only_this_machine_reaches_is_no_concern() {
        assert_eq!(statuses(&[]), [Status::Ok]);
    }

    #[test]
    fn plain_and_open_to_all_are_two_concerns() {
        let open = [("--listen", "0.0.0.0:5000"), ("--anonymous", "push")];
        assert_eq!(statuses(&open), [Status::Ok, Status::Warn, Status::Warn]);
        let behind_a_proxy = [
            ("--listen", "0.0.0.0:5000"),
            ("--anonymous", "pull"),
            ("--external-url", "https://registry.example.com"),
        ];
        assert_eq!(statuses(&behind_a_proxy), [Status::Ok]);
    }

    #[test]
    fn passwords_are_not_shown() {
        let sources = Sources {
            options: vec![
                (
                    "--metadata-url",
                    "postgres://berth:secret@db/berth".to_owned(),
                ),
                ("--storage-url", "s3://bucket".to_owned()),
            ],
            ..Sources::default()
        };
        let effective = load(&sources).unwrap();
        let findings = examine(&effective, &Site::of(&effective));
        assert!(findings[0].detail.contains("postgres://berth:***@db"));
    }
}
