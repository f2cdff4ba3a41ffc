//! Deleting what sessions left, and finding what no row knows of.

use futures_util::{StreamExt, stream};
use registry_core::ports::{BlobStoreError, Leftovers, StorageKey, Timestamp, Unfinished};

use super::bucket::Bucket;
use super::client::Target;
use super::error::S3Error;
use super::state::State;

/// How many uploads in parts are given up at a time.
const ABORTS: usize = 8;
/// Up to this fence all that may be there is deleted, without a look at what is.
const FEW: u64 = 50;

/// Deletes what sessions left; returns those of which nothing is left now.
pub(super) async fn delete(
    bucket: &Bucket,
    leftovers: &[Leftovers],
) -> Result<Vec<Leftovers>, BlobStoreError> {
    let aborts: Vec<_> = leftovers.iter().map(|left| abort(bucket, left)).collect();
    let aborts = stream::iter(aborts).buffered(ABORTS);
    let aborted: Vec<Option<&Leftovers>> = aborts.collect().await;
    let (few, many): (Vec<_>, Vec<_>) = aborted
        .into_iter()
        .flatten()
        .partition(|left| left.key.fence <= FEW);
    let names: Vec<String> = few.iter().flat_map(|left| objects(bucket, left)).collect();
    let kept = bucket.client.delete(&names).await?;
    let gone = |left: &&&Leftovers| !objects(bucket, left).any(|name| kept.contains(&name));
    let mut gone: Vec<Leftovers> = few
        .iter()
        .filter(gone)
        .map(|left| (*left).clone())
        .collect();
    for left in many {
        if delete_listed(bucket, left).await? {
            gone.push(left.clone());
        }
    }
    Ok(gone)
}

/// Asks what a session with many holders has left, and deletes that. Whether nothing is left.
async fn delete_listed(bucket: &Bucket, left: &Leftovers) -> Result<bool, S3Error> {
    let keep = left.keep.map(|fence| {
        let session = left.key.session;
        bucket.keys.object(StorageKey { session, fence })
    });
    let (prefix, mut from) = (bucket.keys.session(left.key.session), None);
    loop {
        let (mut names, next) = bucket.client.keys(&prefix, from.clone()).await?;
        names.retain(|name| keep.as_ref() != Some(name));
        if !bucket.client.delete(&names).await?.is_empty() {
            return Ok(false);
        }
        match next {
            None => return Ok(true),
            // The same page again.
            next if next == from => return Ok(false),
            next => from = next,
        }
    }
}

/// Gives up the upload that a session's row names. Nothing if that did not work.
async fn abort<'a>(bucket: &Bucket, left: &'a Leftovers) -> Option<&'a Leftovers> {
    let Some(target) = upload(bucket, left) else {
        return Some(left);
    };
    match bucket.client.abort(&target).await {
        Ok(()) => Some(left),
        Err(error) => {
            tracing::warn!(session = %left.key.session, %error, "abort upload in parts");
            None
        }
    }
}

fn upload(bucket: &Bucket, left: &Leftovers) -> Option<Target> {
    // A state that cannot be read names no upload; the search for unfinished ones finds it.
    let upload = State::decode(&left.state).ok()?.upload?;
    Some(upload.target(&bucket.keys, left.key.session))
}

/// What the holders of a session may have stored.
fn objects(bucket: &Bucket, left: &Leftovers) -> impl Iterator<Item = String> {
    let (keys, session, keep) = (bucket.keys.clone(), left.key.session, left.keep);
    (0..=left.key.fence).flat_map(move |fence| {
        let key = StorageKey { session, fence };
        let object = (keep != Some(fence)).then(|| keys.object(key));
        object.into_iter().chain([keys.tail(key)])
    })
}

/// Uploads in parts that were begun before a moment: all of them, or those that are found before the server
/// fails or shows the same again. Once they are taken back others are found.
pub(super) async fn unfinished(
    bucket: &Bucket,
    before: Timestamp,
) -> Result<Vec<Unfinished>, BlobStoreError> {
    let prefix = bucket.keys.objects();
    let mut page = bucket.client.uploads(&prefix, None).await?;
    let mut found = Vec::new();
    loop {
        let old = page.uploads.into_iter();
        let old = old.filter(|(_, begun)| begun.saturating_mul(1_000) < before.0);
        found.extend(old.filter_map(|(target, _)| {
            let key = bucket.keys.parse(&target.key)?;
            Some(Unfinished { key, id: target.id })
        }));
        let Some(from) = page.next else {
            return Ok(found);
        };
        page = match bucket.client.uploads(&prefix, Some(from.clone())).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, found = found.len(), "list all unfinished uploads");
                return Ok(found);
            }
        };
        if page
            .next
            .as_ref()
            .is_some_and(|next| !is_behind(next, &from))
        {
            page.next = None;
        }
    }
}

/// Whether a list goes on behind this place: keys are in order, and what is said of one key is not.
fn is_behind(next: &(String, String), from: &(String, String)) -> bool {
    next.0 >= from.0 && next != from
}

/// Gives uploads up.
pub(super) async fn take_back(
    bucket: &Bucket,
    unfinished: &[Unfinished],
) -> Result<(), BlobStoreError> {
    let aborts = unfinished.iter().map(|upload| async {
        let target = Target {
            key: bucket.keys.object(upload.key),
            id: upload.id.clone(),
            checksums: false,
        };
        bucket.client.abort(&target).await
    });
    let aborts: Vec<_> = aborts.collect();
    let mut aborts = stream::iter(aborts).buffer_unordered(ABORTS);
    let mut result = Ok(());
    while let Some(aborted) = aborts.next().await {
        result = result.and(aborted);
    }
    Ok(result?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_does_not_go_on_is_known() {
        let place = |key: &str, id: &str| (key.to_owned(), id.to_owned());
        for (next, from, behind) in [
            (place("b", "1"), place("a", "2"), true),
            (place("a", "1"), place("a", "2"), true),
            (place("a", "2"), place("a", "2"), false),
            (place("a", "3"), place("b", "2"), false),
        ] {
            assert_eq!(is_behind(&next, &from), behind, "{next:?} {from:?}");
        }
    }
}
