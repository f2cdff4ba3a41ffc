//! The gate before the API: reads go through at once, to whichever registry is the current one; writes wait while it
//! is closed, and then go to the one that is current by then. Chunks of uploads go through as reads do: they change nothing
//! but their session, and sessions do not move. It knows nothing else of what is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::{Method, Request, Response};
use http_api::{Api, writes_paused};
use http_server::{Application, Refusal, RequestBody, ResponseBody};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use tokio::time::timeout;

/// How long a write waits. Clients and what stands before the registry give up soon after.
const PATIENCE: Duration = Duration::from_mins(1);

/// What stands before two registries, one after the other.
#[derive(Debug)]
pub(crate) struct Gate {
    api: ArcSwap<Api>,
    writes: Arc<RwLock<()>>,
    /// Writes that come through are refused.
    sealed: AtomicBool,
    patience: Duration,
}

/// No write goes through as long as this lives.
#[derive(Debug)]
pub(crate) struct Closed(OwnedRwLockWriteGuard<()>);

impl Gate {
    /// Open, before this registry.
    pub(crate) fn new(api: Arc<Api>) -> Arc<Self> {
        Arc::new(Self {
            api: ArcSwap::new(api),
            writes: Arc::default(),
            sealed: AtomicBool::new(false),
            patience: PATIENCE,
        })
    }

    /// Lets no more writes through, and waits until those before have been answered; `None` if they take longer.
    pub(crate) async fn close(&self, limit: Duration) -> Option<Closed> {
        let closing = Arc::clone(&self.writes).write_owned();
        timeout(limit, closing).await.ok().map(Closed)
    }

    /// From now on no write goes to where it leads now, whoever opens it.
    pub(crate) fn seal(&self) {
        self.sealed.store(true, Ordering::SeqCst);
    }

    /// From now on requests go here, writes among them.
    pub(crate) fn lead_to(&self, api: Arc<Api>) {
        self.api.store(api);
        self.sealed.store(false, Ordering::SeqCst);
    }
}

impl Closed {
    /// Lets those that wait go on.
    pub(crate) fn open(self) {
        drop(self.0);
    }
}

#[async_trait]
impl Application for Gate {
    async fn respond(&self, request: Request<RequestBody>) -> Response<ResponseBody> {
        if matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::PATCH
        ) {
            let api = self.api.load_full();
            return api.respond(request).await;
        }
        let Ok(_through) = timeout(self.patience, self.writes.read()).await else {
            return writes_paused();
        };
        if self.sealed.load(Ordering::SeqCst) {
            return writes_paused();
        }
        let api = self.api.load_full();
        api.respond(request).await
    }

    fn refuse(&self, refusal: Refusal) -> Response<ResponseBody> {
        self.api.load().refuse(refusal)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::StatusCode;
    use http::header::RETRY_AFTER;
    use http_api::Welcome;
    use metadata_sqlite::{OpenOptions, SqliteMetadata};
    use prometheus::Registry as Metrics;
    use registry_core::access::AnonymousAccess;
    use registry_core::ports::MissingReferences;
    use registry_core::{Registry, Settings};
    use tempfile::TempDir;

    use super::*;
    use crate::clock::SystemClock;

    const SOON: Duration = Duration::from_millis(50);

    /// The API of an empty registry of its own.
    async fn api() -> (TempDir, Arc<Api>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metadata.db");
        let options = OpenOptions::new(path, Arc::new(SystemClock), Metrics::new());
        let metadata = SqliteMetadata::open(options).await.unwrap();
        let storage = directory.path().join("storage");
        let blobs = blob_storage::open_directory(&storage, &Metrics::new()).await;
        let settings = Settings {
            anonymous: AnonymousAccess::Push,
            missing_references: MissingReferences::Accept,
            max_manifest_bytes: 1_000,
            max_blob_bytes: None,
        };
        let registry = Registry::new(Arc::new(metadata), blobs.unwrap(), settings);
        let welcome = Welcome::new("http://localhost", "localhost", "0");
        (directory, Arc::new(Api::new(registry, welcome)))
    }

    async fn ask(gate: &Gate, method: Method, path: &str) -> Response<ResponseBody> {
        let request = Request::builder().method(method).uri(path);
        let body = RequestBody::from(Bytes::from_static(b"{}"));
        let request = request.header("content-type", "application/x.test");
        gate.respond(request.body(body).unwrap()).await
    }

    async fn put(gate: &Gate, tag: &str) -> StatusCode {
        let path = format!("/v2/a/b/manifests/{tag}");
        ask(gate, Method::PUT, &path).await.status()
    }

    async fn is_there(gate: &Gate, tag: &str) -> bool {
        let path = format!("/v2/a/b/manifests/{tag}");
        ask(gate, Method::GET, &path).await.status() == StatusCode::OK
    }

    #[tokio::test]
    async fn writes_wait_and_go_where_it_leads_then() {
        let ((_one, first), (_two, second)) = (api().await, api().await);
        let gate = Gate::new(first);
        assert_eq!(put(&gate, "before").await, StatusCode::CREATED);
        let closed = gate.close(SOON).await.unwrap();
        let mut waiting = Box::pin(put(&gate, "meanwhile"));
        assert!(timeout(SOON, &mut waiting).await.is_err());
        assert!(is_there(&gate, "before").await, "reads do not wait");
        gate.lead_to(second);
        closed.open();
        assert_eq!(waiting.await, StatusCode::CREATED);
        assert!(is_there(&gate, "meanwhile").await);
        assert!(!is_there(&gate, "before").await);
    }

    /// Whoever waited when everything ended in the middle of the switch must not write to what is moved.
    #[tokio::test]
    async fn a_sealed_gate_lets_nobody_through() {
        let ((_one, first), (_two, second)) = (api().await, api().await);
        let gate = Gate::new(first);
        let closed = gate.close(SOON).await.unwrap();
        let mut waiting = Box::pin(put(&gate, "meanwhile"));
        assert!(timeout(SOON, &mut waiting).await.is_err());
        gate.seal();
        drop(closed);
        assert_eq!(waiting.await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(put(&gate, "later").await, StatusCode::SERVICE_UNAVAILABLE);
        gate.lead_to(second);
        assert_eq!(put(&gate, "there").await, StatusCode::CREATED);
    }

    /// They only go on with sessions, however long that takes.
    #[tokio::test]
    async fn chunks_do_not_wait() {
        let (_directory, api) = api().await;
        let gate = Gate::new(api);
        let _closed = gate.close(SOON).await.unwrap();
        let path = "/v2/a/b/blobs/uploads/0190e1c8-7fff-7c3e-b2f3-6c1d0a5e4b3a";
        let chunk = timeout(SOON, ask(&gate, Method::PATCH, path)).await;
        assert_ne!(chunk.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let (_directory, api) = api().await;
        let mut gate = Gate::new(api);
        Arc::get_mut(&mut gate).unwrap().patience = SOON;
        let _closed = gate.close(SOON).await.unwrap();
        assert!(gate.close(SOON).await.is_none());
        let refused = ask(&gate, Method::DELETE, "/v2/a/b/manifests/v1").await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key(RETRY_AFTER));
    }
}
