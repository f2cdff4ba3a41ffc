//! Tags: set together with the manifest they name, and taken away.

use std::collections::BTreeMap;

use oci_types::{Digest, RepositoryName, Tag};

use super::comparison::{Comparison, Difference, PAGE};
use super::lists::Tags;
use super::manifests::Wanted;
use super::tally::count;
use super::{MoveError, Mover, target};
use crate::change::Guard;
use crate::ports::TagDeletion;

impl Mover {
    /// Makes every tag name what it names at the source.
    pub(super) async fn set_tags(&self, name: &RepositoryName) -> Result<(), MoveError> {
        let list = Tags(name);
        let mut tags = Comparison::new(&list, &*self.source.metadata, &*self.target.metadata);
        let mut wanted: BTreeMap<Digest, Vec<Tag>> = BTreeMap::new();
        let mut gathered = 0;
        while let Some(difference) = tags.next().await? {
            match difference {
                Difference::Both { source, target } if source.digest == target.digest => {}
                Difference::Missing(tag) | Difference::Both { source: tag, .. } => {
                    wanted.entry(tag.digest).or_default().push(tag.name);
                    gathered += 1;
                }
                Difference::Extra(tag) => self.remove_tag(name, &tag.name).await?,
            }
            if gathered >= PAGE {
                self.push_tags(name, std::mem::take(&mut wanted)).await?;
                gathered = 0;
            }
        }
        self.push_tags(name, wanted).await
    }

    async fn push_tags(
        &self,
        name: &RepositoryName,
        wanted: BTreeMap<Digest, Vec<Tag>>,
    ) -> Result<(), MoveError> {
        for (digest, tags) in wanted {
            let number = tags.len() as u64;
            let wanted = Wanted {
                digest,
                tags,
                pushed_at: None,
            };
            if self.push_manifest(name, wanted).await? {
                count(&self.tally.tags, number);
            }
        }
        Ok(())
    }

    async fn remove_tag(&self, name: &RepositoryName, tag: &Tag) -> Result<(), MoveError> {
        self.go_on()?;
        let access = self.caller.delete_access(name).map_err(target)?;
        let deletion = self
            .target
            .metadata
            .delete_tag(access.change(), Guard::open(), name, tag);
        match deletion.await.map_err(target)? {
            TagDeletion::Deleted => count(&self.tally.removed, 1),
            TagDeletion::Absent | TagDeletion::NoRepository => {}
            TagDeletion::Refused(refusal) => return Err(target(refusal)),
        }
        Ok(())
    }
}
