//! Whether a registry is on its way somewhere else, or was filled by halves.

use registry_core::ports::InstallationState;

use super::finding::Finding;

/// Says of a database that was reached, and how, whether it may be served.
pub(super) fn judge(
    check: &'static str,
    reached: String,
    marks: Option<&InstallationState>,
) -> Finding {
    match marks {
        Some(InstallationState {
            moved_to: Some(target),
            ..
        }) => Finding::fail(
            check,
            format!("{reached}; the registry was moved to {target}"),
            "set metadata.url and storage.url to these",
        ),
        Some(InstallationState {
            moving_from: Some(_),
            ..
        }) => Finding::fail(
            check,
            format!("{reached}; a move into it is not finished"),
            "run `berth move` again as before; empty the database and the storage only if the old place is served",
        ),
        Some(InstallationState {
            moving_to: Some(target),
            ..
        }) => Finding::warn(
            check,
            format!(
                "{reached}; a move to {target} is in its last step, or was cut off there: it takes no writes"
            ),
            "unless `berth move` is running now, run it again as before",
        ),
        Some(_) | None => Finding::ok(check, reached),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::doctor::finding::Status;

    #[test]
    fn each_mark_is_told() {
        let none = InstallationState {
            id: Uuid::from_u128(1),
            moving_from: None,
            moving_storage: None,
            moving_to: None,
            moved_to: None,
            moved_to_id: None,
        };
        let there = || Some("there".to_owned());
        for (marks, status) in [
            (none.clone(), Status::Ok),
            (
                InstallationState {
                    moving_from: Some(none.id),
                    ..none.clone()
                },
                Status::Fail,
            ),
            (
                InstallationState {
                    moving_to: there(),
                    ..none.clone()
                },
                Status::Warn,
            ),
            (
                InstallationState {
                    moved_to: there(),
                    ..none.clone()
                },
                Status::Fail,
            ),
        ] {
            let finding = judge("database", "reached".to_owned(), Some(&marks));
            assert_eq!(finding.status, status, "{marks:?}");
        }
    }
}
