//! From where to where, how far an earlier move between the two came, and what to call them.

use anyhow::{anyhow, bail};
use registry_core::ports::{InstallationState, MoveInto};

use crate::config::{Effective, redacted};
use crate::startup::Stores;

/// The two sides of a move.
#[derive(Debug)]
pub(crate) struct Places {
    /// The marks of the source when the move began.
    pub(crate) source: InstallationState,
    /// What the target is called in sentences, without secrets.
    pub(crate) target: String,
}

/// How far it came already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Situation {
    /// There is something to copy, or at least to compare.
    Copying,
    /// Everything is copied, and the source marked as moved.
    Switching,
    /// All is done.
    Done,
}

impl Places {
    /// Looks at both, and marks the target as being filled. Refuses what would lose or mix up content.
    pub(crate) async fn look(
        source: &Stores,
        target: &Stores,
        effective: &Effective,
    ) -> anyhow::Result<(Self, Situation)> {
        let here = source.metadata.installation().await?;
        let there = target.metadata.installation().await?;
        let places = Self {
            target: describe(effective),
            source: here,
        };
        let situation = places.situation(&there)?;
        if situation == Situation::Copying {
            let begun = target.metadata.begin_move_into(places.source.id).await?;
            if begun == MoveInto::Refused {
                let target = &places.target;
                bail!(
                    "the target {target} holds something that is not from this registry: name an empty database and \
                     an empty storage"
                );
            }
        }
        Ok((places, situation))
    }

    fn situation(&self, target: &InstallationState) -> anyhow::Result<Situation> {
        let source = &self.source;
        if source.id == target.id {
            bail!(
                "source and target are the same registry, or copies of each other: name an empty database and an \
                 empty storage"
            );
        }
        match (&source.moved_to, target.moving_from) {
            (None, _) => Ok(Situation::Copying),
            (Some(there), _) if *there != self.target => Err(anyhow!(
                "this registry was moved to {there}, and not to {}: set metadata.url and storage.url to the former",
                self.target
            )),
            (Some(_), None) => Ok(Situation::Done),
            (Some(_), Some(from)) if from == source.id => Ok(Situation::Switching),
            (Some(_), Some(_)) => Err(anyhow!(
                "the target {} is being filled from another registry",
                self.target
            )),
        }
    }
}

/// Where a registry's data is.
pub(crate) fn describe(effective: &Effective) -> String {
    let metadata = redacted(&effective.metadata_url().to_string());
    let storage = redacted(&effective.storage_url().to_string());
    format!("{metadata} and {storage}")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn state(id: u128) -> InstallationState {
        InstallationState {
            id: Uuid::from_u128(id),
            moving_from: None,
            moving_to: None,
            moved_to: None,
        }
    }

    fn places(moved_to: Option<&str>) -> Places {
        Places {
            source: InstallationState {
                moved_to: moved_to.map(str::to_owned),
                ..state(1)
            },
            target: "there".to_owned(),
        }
    }

    fn filled_from(id: u128) -> InstallationState {
        InstallationState {
            moving_from: Some(Uuid::from_u128(id)),
            ..state(2)
        }
    }

    #[test]
    fn a_move_that_was_cut_off_goes_on_where_it_was() {
        for (moved_to, target, expected) in [
            (None, state(2), Some(Situation::Copying)),
            (None, filled_from(1), Some(Situation::Copying)),
            (Some("there"), filled_from(1), Some(Situation::Switching)),
            (Some("there"), state(2), Some(Situation::Done)),
            (Some("there"), filled_from(3), None),
            (Some("elsewhere"), state(2), None),
            (None, state(1), None),
        ] {
            let situation = places(moved_to).situation(&target);
            assert_eq!(situation.ok(), expected, "{moved_to:?} {target:?}");
        }
    }
}
