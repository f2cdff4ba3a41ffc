//! Moving away from shared stores while another pod runs on them: it writes until the last step, and never past it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use berth_tests::{Backend, Blob, Client, Document, Place, SharedStores, registry::Builder};
use tokio::time::sleep;

use crate::LIMIT;

/// What the mover says in the end.
const MOVED: &str = "Set from now on";

/// Keeps the source from being marked as moved, and lets it again.
const HOLD: &str = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN RAISE EXCEPTION ''not yet''; END';
    CREATE TRIGGER late BEFORE UPDATE ON installation FOR EACH ROW
        WHEN (NEW.moved_to IS NOT NULL) EXECUTE FUNCTION refuse()";
const LET_GO: &str = "BEGIN READ WRITE; DROP TRIGGER late ON installation; COMMIT";

/// What came of pushing and pulling all the time.
#[derive(Default)]
struct Traffic {
    acknowledged: Vec<Blob>,
    refused: usize,
    pulls: usize,
    faults: Vec<String>,
}

/// Pushes and pulls through one pod until told to stop.
async fn traffic(
    client: Client,
    image: &Document,
    taken: &AtomicUsize,
    over: &AtomicBool,
) -> Traffic {
    let repository = berth_tests::Repository::new(client, "team/app");
    let mut traffic = Traffic::default();
    while !over.load(Ordering::Relaxed) {
        let blob = Blob::random(3_000);
        let target = format!("blobs/uploads/?digest={}", blob.digest);
        let post = repository.request(http::Method::POST, &target);
        let answer = post.body(blob.bytes.clone()).try_send().await;
        match answer {
            Ok(answer) if answer.status() == 201 => {
                traffic.acknowledged.push(blob);
                taken.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) if answer.status() == 503 => {
                answer.expect_error(503, "UNAVAILABLE");
                assert!(answer.header("retry-after").is_some(), "{answer:?}");
                traffic.refused += 1;
            }
            other => traffic.faults.push(format!("{other:?}")),
        }
        let pulled = repository.get_manifest("1").try_send().await;
        match pulled {
            Ok(answer) if answer.status() == 200 && answer.body() == &image.bytes => {
                traffic.pulls += 1;
            }
            other => traffic.faults.push(format!("{other:?}")),
        }
        let layer = &image.blobs[0];
        let pulled = repository.get_blob(&layer.digest).try_send().await;
        match pulled {
            Ok(answer) if answer.status() == 200 && answer.body() == &layer.bytes => {}
            other => traffic.faults.push(format!("{other:?}")),
        }
        sleep(Duration::from_millis(2)).await;
    }
    traffic
}

#[tokio::test]
async fn another_pod_writes_until_the_last_step_and_never_past_it() {
    let stores = SharedStores::fresh().await;
    let pod = Builder::new(Backend::Shared).stores(&stores);
    let other = pod.clone().start().await;
    let app = other.repository("team/app");
    let image = app.push_image("1", 2).await;
    for _ in 0..20 {
        app.push_blob(&Blob::random(300_000)).await;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let there = Place::inside(directory.path());
    let (over, taken) = (AtomicBool::new(false), AtomicUsize::new(0));
    let server = berth_test_servers::Postgres::shared().await;
    server.execute(stores.database(), HOLD).await;
    let moving = async {
        sleep(Duration::from_millis(500)).await;
        // Killed in the last step, it leaves others unable to write until it is run again.
        let mover = pod.clone().moving_to(&there);
        let mut moving = mover.start().await;
        moving.wait_for_log("trying again").await;
        moving.kill_hard();
        let before = taken.load(Ordering::Relaxed);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(taken.load(Ordering::Relaxed), before, "a pod writes");
        server.execute(stores.database(), LET_GO).await;
        moving.restart().await;
        moving.wait_for_log(MOVED).await;
        assert!(taken.load(Ordering::Relaxed) > before, "no pod wrote again");
        sleep(Duration::from_millis(500)).await;
        over.store(true, Ordering::Relaxed);
        moving
    };
    let (moving, traffic) = tokio::join!(moving, traffic(other.client(), &image, &taken, &over));
    let Traffic {
        acknowledged,
        refused,
        pulls,
        faults,
    } = traffic;
    eprintln!(
        "moving: {} pushes of another pod acknowledged, {refused} refused, {pulls} pulls",
        acknowledged.len()
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(
        acknowledged.len() > 20 && refused > 0,
        "that was no traffic"
    );
    let arrived = moving.repository("team/app");
    arrived.expect_manifest("1", &image).await;
    for blob in &acknowledged {
        arrived.expect_blob(blob).await;
    }
    // The other pod still answers, and stays as it is.
    other.admin().wait_for("/readyz", 200, LIMIT).await;
    let refusal = other.repository("team/app").put_manifest("2", &image);
    let refusal = refusal.send().await;
    refusal.expect_error(503, "UNAVAILABLE");
    assert!(refusal.text().contains("moved"), "{refusal:?}");
    let refused = pod.run_to_exit().await;
    refused.expect_refusal(&["moved to", &there.metadata_url]);
}

/// Writes are paused by a setting of the database, which only its owner may change: that is found out first.
#[tokio::test]
async fn a_user_who_may_not_pause_others_is_told_at_the_start() {
    let stores = SharedStores::fresh().await;
    let pod = Builder::new(Backend::Shared).stores(&stores);
    drop(pod.clone().start().await);
    let server = berth_test_servers::Postgres::shared().await;
    let database = stores.database();
    let user = format!("lodger_{database}");
    for statement in [
        format!("CREATE ROLE {user} LOGIN PASSWORD 'lodger'"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}"),
    ] {
        server.execute(database, &statement).await;
    }
    let (_, address) = stores.metadata_url.split_once('@').expect("a user");
    let mut lodger = stores.clone();
    lodger.metadata_url = format!("postgres://{user}:lodger@{address}");
    let directory = tempfile::tempdir().expect("a directory");
    let there = Place::inside(directory.path());
    let refused = Builder::new(Backend::Shared).stores(&lodger);
    let refused = refused.moving_to(&there).run_to_exit().await;
    refused.expect_refusal(&["does not own", "migrations_url"]);
}
