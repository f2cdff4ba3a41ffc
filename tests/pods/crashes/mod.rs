//! A pod dies at each point where something was done and something else was not, and another one goes on from there, or
//! takes it back. The places are those where a request to the bucket is on its way, found by a proxy that lets it wait
//! for ever, and those between the database's commit and the answer.
//!
//! | the pod dies after | file |
//! |---|---|
//! | a session was opened; parts were begun, sent, recorded | `writing` |
//! | a session was claimed; its blob put together, committed; its digest was wrong | `ending` |
//! | objects were deleted; it slept and woke up | `sweeping` |

mod ending;
mod sweeping;
mod writing;

use std::time::Duration;

use berth_test_servers::{
    FaultProxy, Postgres, SeaweedFs,
    fault_proxy::{Fault, Operation},
};
use berth_tests::{Blob, Repository, Response, SharedStores, TestRegistry, client::RequestBuilder};

use crate::{LIMIT, cluster, eventually, inside::Inside};

/// More than two parts, and something behind them.
const LARGE: usize = 12 << 20;

/// What a request that is withheld waits for.
const FOR_EVER: Duration = Duration::from_hours(1);

/// How soon sessions that nobody touches are ended.
#[derive(Clone, Copy)]
enum Patience {
    /// Not while a test lasts: somebody goes on with them.
    Long,
    /// Soon: nobody does.
    Short,
}

/// A pod whose requests to the bucket can be withheld, and the stores that survive it.
struct Scene {
    stores: SharedStores,
    proxy: FaultProxy,
    patience: Patience,
    pod: TestRegistry,
}

/// What comes after the death of a pod.
struct Aftermath {
    stores: SharedStores,
    // Another one.
    pod: TestRegistry,
}

impl Scene {
    async fn set(patience: Patience) -> Self {
        let stores = SharedStores::fresh().await;
        let proxy = FaultProxy::start(&SeaweedFs::shared().await.endpoint());
        let pod = start_pod(&stores.through(proxy.port()).await, patience).await;
        proxy.forget_requests();
        Self {
            stores,
            proxy,
            patience,
            pod,
        }
    }

    fn repository(&self) -> Repository {
        self.pod.repository("team/app")
    }

    async fn inside(&self) -> Inside<'_> {
        Inside::new(Postgres::shared().await, &self.stores)
    }

    /// From now on no request of this operation arrives at the bucket.
    fn withhold_requests(&self, operation: Operation) {
        self.proxy.forget_requests();
        self.proxy.rule(move |request| {
            if request.operation == operation {
                Fault::Delay(FOR_EVER)
            } else {
                Fault::Pass
            }
        });
    }

    /// The next request of this operation is carried out, and the pod never learns of it: what it hears is an error, and
    /// when it asks again, nothing any more.
    fn withhold_answers(&self, operation: Operation) {
        self.proxy.forget_requests();
        self.proxy.rule(
            move |request| match (request.operation == operation, request.number) {
                (true, 1) => Fault::LoseAnswer,
                (true, _) => Fault::Delay(FOR_EVER),
                (false, _) => Fault::Pass,
            },
        );
    }

    /// Waits until a request is withheld.
    async fn wait_for(&self, operation: Operation, requests: usize) {
        eventually("the request is not sent", async || {
            let sent = self.proxy.count(operation);
            if sent >= requests { Ok(()) } else { Err(sent) }
        })
        .await;
    }

    /// Sends a request whose step to the bucket is never carried out, and lets the pod die there.
    async fn dies_before(self, operation: Operation, request: RequestBuilder) -> Aftermath {
        self.withhold_requests(operation);
        self.dies_during(operation, 1, request).await
    }

    /// Sends a request whose step to the bucket is carried out, and lets the pod die before it knows.
    async fn dies_after(self, operation: Operation, request: RequestBuilder) -> Aftermath {
        self.withhold_answers(operation);
        self.dies_during(operation, 2, request).await
    }

    async fn dies_during(
        mut self,
        operation: Operation,
        requests: usize,
        request: RequestBuilder,
    ) -> Aftermath {
        let death = async {
            self.wait_for(operation, requests).await;
            self.pod.kill_hard();
        };
        let (answer, ()) = tokio::join!(request.try_send(), death);
        assert!(answer.is_err(), "it was answered: {answer:?}");
        self.aftermath().await
    }

    /// Sends a request without ever reading the answer, and lets the pod die when the database answers a question so.
    async fn dies_unheard(mut self, request: &str, body: &[u8], told: [&str; 2]) -> Aftermath {
        let mut connection = self.pod.connect().await;
        let length = body.len();
        let head = format!("{request}\r\nHost: pod\r\nContent-Length: {length}\r\n\r\n");
        connection.send([head.as_bytes(), body].concat()).await;
        let [question, answer] = told;
        self.inside().await.wait_until(question, answer).await;
        self.pod.kill_hard();
        self.aftermath().await
    }

    /// Kills the pod, if it still lives, and starts another one that speaks to the bucket itself.
    async fn aftermath(mut self) -> Aftermath {
        self.pod.kill_hard();
        let pod = start_pod(&self.stores, self.patience).await;
        Aftermath {
            stores: self.stores,
            pod,
        }
    }
}

impl Aftermath {
    fn repository(&self) -> Repository {
        self.pod.repository("team/app")
    }

    async fn inside(&self) -> Inside<'_> {
        Inside::new(Postgres::shared().await, &self.stores)
    }

    /// The blob is not there, not even by halves.
    async fn expect_invisible(&self, blob: &Blob) {
        self.repository().expect_no_blob(&blob.digest).await;
        assert_eq!(
            self.inside().await.ask("SELECT digest FROM blobs").await,
            ""
        );
    }

    /// The client sends the same PUT again, and the blob is there.
    async fn finish_again(&self, location: &str, blob: &Blob, bytes: &[u8]) {
        let put = || {
            let repository = self.repository();
            repository.finish_upload(location, &blob.digest, bytes)
        };
        crate::patiently(put)
            .await
            .expect_status(201)
            .expect_header("docker-content-digest", &blob.digest);
        self.repository().expect_blob(blob).await;
    }

    /// The client sends a chunk when the session is free again.
    async fn append_again(&self, location: &str, start: usize, bytes: &[u8]) -> Response {
        crate::patiently(|| self.repository().patch_range(location, start, bytes)).await
    }

    /// In the end nothing is in the bucket that no blob needs, and no upload that anybody knows of.
    async fn expect_tidy(&self) {
        self.inside().await.wait_until_tidy().await;
        let unfinished = self.stores.unfinished_uploads().await;
        assert!(unfinished.is_empty(), "{unfinished:?}");
    }

    /// The session is gone, and all that it had.
    async fn expect_taken_back(&self, location: &str, blob: &Blob) {
        self.expect_tidy().await;
        self.repository().expect_no_upload(location).await;
        self.expect_invisible(blob).await;
        let objects = self.inside().await.objects().await;
        assert!(objects.is_empty(), "{objects:?}");
    }
}

async fn start_pod(stores: &SharedStores, patience: Patience) -> TestRegistry {
    let idle = match patience {
        Patience::Long => 2 * LIMIT.as_secs(),
        Patience::Short => 6,
    };
    let times = format!(
        "uploads:\n  lease: 5s\n  idle_timeout: {idle}s\n  deletion_delay: 0s\njobs:\n  interval: 1s"
    );
    cluster::pod(stores, &times).start().await
}
