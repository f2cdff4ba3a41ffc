//! The pod dies while a blob becomes visible: before that it is not there at all, and after that it stays.

use berth_test_servers::fault_proxy::Operation;
use berth_tests::Blob;
use futures_util::future::join_all;

use super::{Aftermath, LARGE, Patience, Scene};

/// What the session of a test has come to: 1 is claimed, 9 is done.
const STATE: &str = "SELECT state FROM uploads";

/// How far a pod comes with a blob before it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    /// The session is claimed, and the parts are not put together.
    Claimed,
    /// They are, and the database does not know.
    PutTogether,
    /// The same for a blob that is one object, and comes with its PUT.
    StoredWhole,
}

/// A session with one blob, and what its client sends to end it.
struct Ending {
    blob: Blob,
    location: String,
    body: Vec<u8>,
}

impl Ending {
    async fn prepare(scene: &Scene, death: Death) -> Self {
        let location = scene.repository().start_upload().await;
        if death == Death::StoredWhole {
            let blob = Blob::random(100_000);
            let body = blob.bytes.to_vec();
            return Self {
                blob,
                location,
                body,
            };
        }
        let blob = Blob::random(LARGE);
        let location = scene
            .repository()
            .append_at(&location, 0, &blob.bytes)
            .await;
        let body = Vec::new();
        Self {
            blob,
            location,
            body,
        }
    }

    /// A pod dies while it is asked to end the session. What it leaves is seen by nobody.
    async fn interrupt(&self, scene: Scene, death: Death) -> Aftermath {
        let repository = scene.repository();
        let put = repository.finish_upload(&self.location, &self.blob.digest, &self.body);
        let complete = Operation::CompleteMultipartUpload;
        let after = match death {
            Death::Claimed => scene.dies_before(complete, put).await,
            Death::PutTogether => scene.dies_after(complete, put).await,
            Death::StoredWhole => scene.dies_after(Operation::PutObject, put).await,
        };
        assert_eq!(after.inside().await.ask(STATE).await, "1");
        after.expect_invisible(&self.blob).await;
        let length = u64::try_from(self.blob.bytes.len()).expect("a length");
        let objects = after.inside().await.objects().await;
        let stored = objects.values().any(|of| *of == length);
        assert_eq!(stored, death != Death::Claimed, "{objects:?}");
        after
    }
}

#[tokio::test]
async fn before_it_is_visible_and_the_client_comes_again() {
    let deaths = [Death::Claimed, Death::PutTogether, Death::StoredWhole];
    let repaired = deaths.map(async |death| {
        let scene = Scene::set(Patience::Long).await;
        let ending = Ending::prepare(&scene, death).await;
        let after = ending.interrupt(scene, death).await;
        after
            .finish_again(&ending.location, &ending.blob, &ending.body)
            .await;
        after.expect_tidy().await;
    });
    join_all(repaired).await;
}

#[tokio::test]
async fn before_it_is_visible_and_nobody_comes_again() {
    let deaths = [Death::Claimed, Death::PutTogether, Death::StoredWhole];
    let taken_back = deaths.map(async |death| {
        let scene = Scene::set(Patience::Short).await;
        let ending = Ending::prepare(&scene, death).await;
        let after = ending.interrupt(scene, death).await;
        after
            .expect_taken_back(&ending.location, &ending.blob)
            .await;
    });
    join_all(taken_back).await;
}

#[tokio::test]
async fn after_it_became_visible() {
    let scene = Scene::set(Patience::Long).await;
    let Ending { blob, location, .. } = Ending::prepare(&scene, Death::Claimed).await;
    let separator = if location.contains('?') { '&' } else { '?' };
    let digest = &blob.digest;
    let request = format!("PUT {location}{separator}digest={digest} HTTP/1.1");
    let after = scene.dies_unheard(&request, &[], [STATE, "9"]).await;
    after.repository().head_blob(digest).expect(200).await;
    after.finish_again(&location, &blob, &[]).await;
    after.expect_tidy().await;
}

#[tokio::test]
async fn after_its_digest_was_wrong() {
    let scene = Scene::set(Patience::Long).await;
    let Ending { blob, location, .. } = Ending::prepare(&scene, Death::Claimed).await;
    let other = Blob::random(LARGE);
    scene
        .repository()
        .finish_upload(&location, &other.digest, &[])
        .refused(400, "DIGEST_INVALID")
        .await;
    let after = scene.aftermath().await;
    after.expect_invisible(&other).await;
    after.expect_taken_back(&location, &blob).await;
}
