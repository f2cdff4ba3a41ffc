//! Tags: created, moved and deleted under conditions.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::{join, join_all};
use metadata_postgres::PostgresMetadata;
use oci_types::Digest;
use registry_core::change::{Guard, Refusal};
use registry_core::ports::{
    ExistingManifest, Lookup, ManifestCommit, ManifestStore as _, TagDeletion, TagIndex as _,
};
use registry_core::testing::metadata::{
    by_tag, change, digest_of, name, push, resolve, tag, tagged,
};

use super::Pods;

/// Of many who create a tag if it is not there, one does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_is_created_once() {
    let pods = Pods::new().await;
    let one = &pods.one;
    for round in 0..20 {
        // In the first round they create the repository, too.
        let text = format!("v{round}");
        let absent = || {
            let wanted = tag(&text);
            Guard::new(
                move |existing: &ExistingManifest| match existing.target(&wanted) {
                    None => Ok(()),
                    current => Err(Refusal::PreconditionFailed { current }),
                },
            )
        };
        let outcomes = join_all((0..20).map(|pusher| {
            let metadata = pods.turn(pusher);
            let payload = format!("{pusher} of round {round}");
            let pushed = tagged("a/b", &payload, &[text.as_str()]);
            let guard = absent();
            async move {
                let digest = pushed.digest;
                let committed = metadata.commit_manifest(&change(), guard, pushed).await;
                (digest, committed.unwrap())
            }
        }))
        .await;
        let committed: Vec<Digest> = outcomes
            .iter()
            .filter(|(_, outcome)| *outcome == ManifestCommit::Committed)
            .map(|(digest, _)| *digest)
            .collect();
        assert_eq!(committed.len(), 1, "{outcomes:?}");
        assert_eq!(resolve(one, "a/b", &text).await, Some(committed[0]));
    }
}

/// Who replaces only what was seen replaces nothing that was not: no update is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditional_updates_are_not_lost() {
    const WRITERS: usize = 8;
    const ROUNDS: usize = 15;
    let pods = Pods::new().await;
    let one = &pods.one;
    push(one, tagged("a/b", "0", &["counter"])).await;
    let writer = async |metadata: &PostgresMetadata| {
        let mut done = 0;
        while done < ROUNDS {
            let found = metadata
                .read_manifest(&name("a/b"), &by_tag("counter"))
                .await;
            let Lookup::Found(found) = found.unwrap() else {
                panic!("gone");
            };
            let count: usize = std::str::from_utf8(&found.payload)
                .unwrap()
                .parse()
                .unwrap();
            let expected = Some(found.stat.digest);
            let guard = Guard::new(move |existing: &ExistingManifest| {
                match existing.target(&tag("counter")) {
                    current if current == expected => Ok(()),
                    current => Err(Refusal::PreconditionFailed { current }),
                }
            });
            let next = tagged("a/b", &(count + 1).to_string(), &["counter"]);
            let committed = metadata.commit_manifest(&change(), guard, next).await;
            done += usize::from(committed.unwrap() == ManifestCommit::Committed);
        }
    };
    join_all((0..WRITERS).map(|number| writer(pods.turn(number)))).await;
    let expected = digest_of((WRITERS * ROUNDS).to_string().as_bytes());
    assert_eq!(resolve(one, "a/b", "counter").await, Some(expected));
}

/// A guard that lets pass whatever it sees is shown the truth, however often others move the tag, and nobody
/// has to give up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guards_see_what_they_replace() {
    let pods = Pods::new().await;
    let one = &pods.one;
    push(one, tagged("a/b", "first", &["hot"])).await;
    let replaced = Arc::new(Mutex::new(Vec::new()));
    let writer = async |metadata: &PostgresMetadata, number: usize| {
        for round in 0..10 {
            let seen = Arc::new(Mutex::new(None));
            let guard = {
                let seen = Arc::clone(&seen);
                Guard::new(move |existing: &ExistingManifest| {
                    *seen.lock().unwrap() = existing.target(&tag("hot"));
                    Ok(())
                })
            };
            let pushed = tagged("a/b", &format!("{number} {round}"), &["hot"]);
            let committed = metadata.commit_manifest(&change(), guard, pushed).await;
            assert_eq!(committed.unwrap(), ManifestCommit::Committed);
            replaced.lock().unwrap().push(seen.lock().unwrap().unwrap());
        }
    };
    join_all((0..10).map(|number| writer(pods.turn(number), number))).await;
    let replaced = replaced.lock().unwrap();
    let distinct: HashSet<&Digest> = replaced.iter().collect();
    assert_eq!(distinct.len(), replaced.len(), "two replaced the same");
}

/// A guard of a deletion sees what really goes, and gets its turn among those who move the tag.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guarded_deletion_meets_pushes() {
    let pods = Pods::new().await;
    let (one, other) = (&pods.one, &pods.other);
    push(one, tagged("a/b", "first", &["hot"])).await;
    let over = AtomicBool::new(false);
    let pushers = join_all((0..6).map(|number| {
        let (one, over) = (one, &over);
        async move {
            for round in 0.. {
                push(one, tagged("a/b", &format!("{number} {round}"), &["hot"])).await;
                if over.load(Ordering::SeqCst) {
                    break;
                }
            }
        }
    }));
    let deleter = async {
        let mut deleted = 0;
        while deleted < 30 {
            let outcome = other
                .delete_tag(&change(), Guard::new(|_| Ok(())), &name("a/b"), &tag("hot"))
                .await;
            deleted += usize::from(outcome.unwrap() == TagDeletion::Deleted);
        }
        over.store(true, Ordering::SeqCst);
    };
    join(pushers, deleter).await;
}

/// A guard that saw a tag is not asked for nothing: a tag whose deletion was acknowledged does not come back by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_tag_is_not_replaced() {
    let pods = Pods::new().await;
    let (one, other) = (&pods.one, &pods.other);
    for round in 0..100 {
        let text = format!("v{round}");
        let before = push(one, tagged("a/b", &format!("{round}"), &[text.as_str()])).await;
        let wanted = tag(&text);
        let unchanged =
            Guard::new(
                move |existing: &ExistingManifest| match existing.target(&wanted) {
                    current if current == Some(before) => Ok(()),
                    current => Err(Refusal::PreconditionFailed { current }),
                },
            );
        let (change, repository, gone) = (change(), name("a/b"), tag(&text));
        let next = tagged("a/b", &format!("{round} next"), &[text.as_str()]);
        let (replaced, deleted) = join(
            one.commit_manifest(&change, unchanged, next),
            other.delete_tag(&change, Guard::open(), &repository, &gone),
        )
        .await;
        assert_eq!(deleted.unwrap(), TagDeletion::Deleted);
        // Replaced before it was deleted, or not at all.
        drop(replaced.unwrap());
        assert_eq!(resolve(one, "a/b", &text).await, None, "round {round}");
    }
}
