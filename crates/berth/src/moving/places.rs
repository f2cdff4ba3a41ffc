//! From where to where, how far an earlier move between the two came, and what to call them.

use anyhow::{anyhow, bail};
use registry_core::ports::{InstallationState, MoveInto};
use uuid::Uuid;

use super::storage;
use crate::config::{Effective, MetadataUrl, redacted};
use crate::startup::Stores;

/// The two sides of a move.
#[derive(Debug)]
pub(crate) struct Places {
    /// The marks of the source when the move began.
    pub(crate) source: InstallationState,
    /// What the target is called in sentences, without secrets.
    pub(crate) target: String,
    /// What its database calls itself.
    pub(crate) target_id: Uuid,
    /// Where its blobs go, in one spelling.
    storage: String,
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
            target_id: there.id,
            storage: storage::name(effective),
            source: here,
        };
        let situation = places.situation(&there)?;
        if situation == Situation::Copying {
            let begin = target
                .metadata
                .begin_move_into(places.source.id, &places.storage);
            if begin.await? == MoveInto::Refused {
                let target = &places.target;
                bail!(
                    "the target {target} holds something that is not from this registry: name an empty database and \
                     an empty storage"
                );
            }
            places.check_alone(target, &there, effective).await?;
        }
        Ok((places, situation))
    }

    /// Pods that were started on an empty target have seen no mark, and take pushes that no pass would leave there. Those
    /// that are started from now on see it.
    async fn check_alone(
        &self,
        target: &Stores,
        before: &InstallationState,
        effective: &Effective,
    ) -> anyhow::Result<()> {
        let MetadataUrl::Postgres(url) = effective.metadata_url() else {
            return Ok(());
        };
        let pods = metadata_postgres::pods(url.as_str()).await?;
        if pods == 0 {
            return Ok(());
        }
        if before.moving_from.is_none() {
            target.metadata.finish_move_into(self.source.id).await?;
        }
        bail!(
            "the target {} is served already: its database has {pods} sessions of `berth`. Stop the pods there (behind a \
             pooler, sessions end a while later) and start them when all is moved",
            self.target
        );
    }

    fn situation(&self, target: &InstallationState) -> anyhow::Result<Situation> {
        let source = &self.source;
        if source.id == target.id {
            bail!(
                "source and target are the same registry, or copies of each other: name an empty database and an \
                 empty storage"
            );
        }
        if target.moving_from == Some(source.id)
            && let Some(storage) = &target.moving_storage
            && *storage != self.storage
        {
            bail!(
                "the blobs that were copied so far are in {storage}, and not in {}: name the same storage as then, or \
                 an empty database, too",
                self.storage
            );
        }
        match (&source.moved_to, target.moving_from) {
            (None, _) => Ok(Situation::Copying),
            (Some(there), _) if source.moved_to_id != Some(target.id) => Err(anyhow!(
                "this registry was moved to {there}, and the database that is named here is another one: set metadata.url \
                 and storage.url to that place, or restore it if its database is lost. Who knows that nothing is there \
                 goes back with UPDATE installation SET moved_to = NULL in the database of this registry"
            )),
            (Some(there), _) if *there != self.target => Err(anyhow!(
                "this registry was moved to {there}, and not to {}: set metadata.url and storage.url to the former, or \
                 write --to-metadata-url and --to-storage-url as then",
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
    use super::*;

    fn state(id: u128) -> InstallationState {
        InstallationState {
            id: Uuid::from_u128(id),
            moving_from: None,
            moving_storage: None,
            moving_to: None,
            moved_to: None,
            moved_to_id: None,
        }
    }

    fn places(moved_to: Option<&str>) -> Places {
        Places {
            source: InstallationState {
                moved_to: moved_to.map(str::to_owned),
                moved_to_id: moved_to.map(|_| Uuid::from_u128(2)),
                ..state(1)
            },
            target: "there".to_owned(),
            target_id: Uuid::from_u128(2),
            storage: "file:/there".to_owned(),
        }
    }

    fn filled_from(id: u128) -> InstallationState {
        InstallationState {
            moving_from: Some(Uuid::from_u128(id)),
            moving_storage: Some("file:/there".to_owned()),
            ..state(2)
        }
    }

    /// What was copied is in another storage than the one that is named now.
    fn elsewhere(id: u128) -> InstallationState {
        InstallationState {
            moving_storage: Some("file:/elsewhere".to_owned()),
            ..filled_from(id)
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
            // Another database under the same name, in place of the one that has all.
            (Some("there"), state(4), None),
            (Some("there"), elsewhere(1), None),
            (None, elsewhere(1), None),
        ] {
            let situation = places(moved_to).situation(&target);
            assert_eq!(situation.ok(), expected, "{moved_to:?} {target:?}");
        }
    }
}
