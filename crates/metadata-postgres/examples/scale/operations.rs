//! The operations that are measured, each on something that chance picks from the whole database.

use oci_types::Reference;
use registry_core::ports::{
    BlobIndex as _, Catalog as _, Finalization, Lookup, ManifestStore as _, ReferrerIndex as _,
    ReferrerQuery, RegistryTotals as _, StorageDeletions as _, TagIndex as _, UploadStore as _,
};

use crate::contents::{blob, image, repository, size};
use crate::side::Side;
use crate::writes::{chance, commit_new, delete, mount, move_tag, push, push_image};

const PAGE: u32 = 100;
/// As in the jobs of the registry.
const BATCH: u32 = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    ReadByTag,
    ReadPopular,
    ReadByDigest,
    StatByTag,
    FindBlob,
    FindPopularBlob,
    FindAbsentBlob,
    ListTags,
    ListRepositories,
    ListReferrers,
    ListReferrer,
    PushNewBlob,
    PushKnownBlob,
    PushPopularBlob,
    Mount,
    MountFromNamespace,
    CommitManifest,
    PushImage,
    MoveTag,
    DeleteManifest,
    TakeDeletions,
    ExpireBatch,
    ExpireNothing,
    Totals,
}

impl Operation {
    pub(crate) const ALL: [Self; 24] = [
        Self::ReadByTag,
        Self::ReadPopular,
        Self::ReadByDigest,
        Self::StatByTag,
        Self::FindBlob,
        Self::FindPopularBlob,
        Self::FindAbsentBlob,
        Self::ListTags,
        Self::ListRepositories,
        Self::ListReferrers,
        Self::ListReferrer,
        Self::PushNewBlob,
        Self::PushKnownBlob,
        Self::PushPopularBlob,
        Self::Mount,
        Self::MountFromNamespace,
        Self::CommitManifest,
        Self::PushImage,
        Self::MoveTag,
        Self::DeleteManifest,
        Self::TakeDeletions,
        Self::ExpireBatch,
        Self::ExpireNothing,
        Self::Totals,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReadByTag => "manifest by tag",
            Self::ReadPopular => "manifest by tag, one of 500",
            Self::ReadByDigest => "manifest by digest",
            Self::StatByTag => "manifest by tag, HEAD",
            Self::FindBlob => "blob",
            Self::FindPopularBlob => "blob, one of 500",
            Self::FindAbsentBlob => "blob that is not there",
            Self::ListTags => "100 tags",
            Self::ListRepositories => "100 repositories",
            Self::ListReferrers => "100 referrers",
            Self::ListReferrer => "1 referrer",
            Self::PushNewBlob => "push a new blob",
            Self::PushKnownBlob => "push a known blob",
            Self::PushPopularBlob => "push a blob that is there",
            Self::Mount => "mount",
            Self::MountFromNamespace => "mount, no source named",
            Self::CommitManifest => "manifest with 10 layers and a tag",
            Self::PushImage => "11 new blobs and their manifest",
            Self::MoveTag => "move a tag",
            Self::DeleteManifest => "delete a manifest",
            Self::TakeDeletions => "take 500 deletions",
            Self::ExpireBatch => "expire 10,500 sessions",
            Self::ExpireNothing => "expire nothing",
            Self::Totals => "totals",
        }
    }

    pub(crate) fn rounds(self) -> usize {
        match self {
            Self::ExpireBatch | Self::TakeDeletions => 2,
            Self::Totals => 3,
            Self::PushImage | Self::ExpireNothing => 200,
            Self::ReadByTag
            | Self::ReadPopular
            | Self::ReadByDigest
            | Self::StatByTag
            | Self::FindBlob
            | Self::FindPopularBlob
            | Self::FindAbsentBlob => 5_000,
            _ => 1_000,
        }
    }

    /// One round; whether it did what was meant.
    pub(crate) async fn run(self, side: &Side, round: usize) -> bool {
        let (metadata, contents) = (&side.metadata, side.contents);
        // Each operation asks for something else: what an earlier one fetched is in memory.
        let round = round + (self as usize) * 10_000_000;
        let picked = match self {
            Self::ReadPopular | Self::FindPopularBlob => side.pick(round % 500, contents.tags()),
            _ => side.pick(round, contents.tags()),
        };
        let home = repository(contents.home(picked));
        let layer = 6 * picked + 1 + picked % 5;
        // Its neighbour, in the same namespace.
        let elsewhere = repository(contents.home(picked) ^ 1);
        match self {
            Self::ReadByTag | Self::ReadPopular => {
                let tag = Reference::Tag(contents.tag(picked));
                found(&metadata.read_manifest(&home, &tag).await.unwrap())
            }
            Self::ReadByDigest => {
                let digest = Reference::Digest(image(picked));
                found(&metadata.read_manifest(&home, &digest).await.unwrap())
            }
            Self::StatByTag => {
                let tag = Reference::Tag(contents.tag(picked));
                found(&metadata.stat_manifest(&home, &tag).await.unwrap())
            }
            Self::FindBlob | Self::FindPopularBlob => {
                found(&metadata.find_blob(&home, &blob(layer)).await.unwrap())
            }
            Self::FindAbsentBlob => !found(&metadata.find_blob(&home, &chance()).await.unwrap()),
            Self::ListTags => {
                let after = format!("build-{:05}", picked % 900);
                let page = metadata.list_tags(&repository(0), Some(&after), PAGE).await;
                page.unwrap().unwrap().len() > 90
            }
            Self::ListRepositories => {
                let after = repository(side.pick(round, contents.repositories()));
                let page = metadata.list_repositories(Some(after.as_str()), PAGE).await;
                // Near the end there are fewer.
                page.unwrap().len() <= PAGE as usize
            }
            Self::ListReferrers => referrers(side, 0, PAGE).await == PAGE as usize,
            Self::ListReferrer => {
                let signed = 200 + side.pick(round, contents.signatures() - 200);
                referrers(side, signed, PAGE).await == 1
            }
            Self::PushNewBlob => push(side, home, chance(), 1_000).await == Finalization::Published,
            Self::PushKnownBlob => {
                push(side, elsewhere, blob(layer), size(layer)).await == Finalization::Deduplicated
            }
            Self::PushPopularBlob => {
                let base = contents.base(picked);
                push(side, home, blob(base), size(base)).await == Finalization::Deduplicated
            }
            Self::Mount => mount(side, Some(&home), &elsewhere, layer).await,
            Self::MountFromNamespace => mount(side, None, &elsewhere, layer).await,
            Self::CommitManifest => commit_new(side, contents.home(picked)).await,
            Self::PushImage => push_image(side, home).await,
            Self::MoveTag => move_tag(side, picked).await,
            Self::DeleteManifest => delete(side, round).await,
            Self::TakeDeletions => {
                metadata.take_deletions(BATCH).await.unwrap().len() == BATCH as usize
            }
            Self::ExpireBatch => metadata.expire_uploads(BATCH).await.unwrap() > u64::from(BATCH),
            Self::ExpireNothing => {
                metadata.expire_uploads(BATCH).await.unwrap() <= u64::from(BATCH)
            }
            Self::Totals => metadata.measure_totals().await.unwrap().blobs > 0,
        }
    }
}

fn found<T>(lookup: &Lookup<T>) -> bool {
    matches!(lookup, Lookup::Found(_))
}

async fn referrers(side: &Side, subject: u64, limit: u32) -> usize {
    let query = ReferrerQuery {
        subject: image(subject),
        artifact_type: None,
        after: None,
        limit,
    };
    let home = repository(side.contents.home(subject));
    let page = side.metadata.list_referrers(&home, &query).await;
    page.unwrap().len()
}
