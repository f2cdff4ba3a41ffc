//! Three pods on the same stores, and nginx before them: it asks one after the other, whoever asks.

use berth_test_servers::{Nginx, NginxConfig};
use berth_tests::{
    Backend, Client, Repository, SharedStores, TestRegistry, certificates::Certificates,
    registry::Builder,
};
use futures_util::future::join_all;

/// How many pods there are.
pub(crate) const PODS: usize = 3;

/// Some pods and what stands before them.
pub(crate) struct Cluster {
    pub(crate) stores: SharedStores,
    pub(crate) pods: Vec<TestRegistry>,
    pub(crate) nginx: Nginx,
}

/// What is not needed any more goes soon, though not before late writers have ended.
const TIMES: &str = "uploads:\n  deletion_delay: 5s\njobs:\n  interval: 1s";

/// A pod on these stores. Parts are as small as S3 takes them, so that blobs of some MiB have several.
pub(crate) fn pod(stores: &SharedStores, configuration: &str) -> Builder {
    let stores = stores.with("part_size=5MiB");
    Builder::new(Backend::Shared)
        .stores(&stores)
        .configuration(configuration)
}

impl Cluster {
    /// Starts them on empty stores, spoken to over plain HTTP.
    pub(crate) async fn start() -> Self {
        let stores = SharedStores::fresh().await;
        let pods = start_pods(&stores).await;
        let nginx = Nginx::start(NginxConfig::new(&ports(&pods))).await;
        Self {
            stores,
            pods,
            nginx,
        }
    }

    /// The same over HTTPS.
    pub(crate) async fn start_with_tls(certificates: &Certificates) -> Self {
        let stores = SharedStores::fresh().await;
        let pods = start_pods(&stores).await;
        let config = NginxConfig::new(&ports(&pods))
            .tls(&certificates.certificate(), &certificates.private_key());
        let nginx = Nginx::start(config).await;
        Self {
            stores,
            pods,
            nginx,
        }
    }

    /// A client of nginx, and so of all pods in turn.
    pub(crate) fn client(&self) -> Client {
        client_of(&self.nginx)
    }

    /// `localhost:PORT` of nginx.
    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.nginx.port())
    }

    /// A repository as one of the pods shows it; counted round, so that `turn + 1` is another pod.
    pub(crate) fn at(&self, turn: usize, name: &str) -> Repository {
        self.pods[turn % PODS].repository(name)
    }

    /// A repository as each of the pods shows it.
    pub(crate) fn everywhere(&self, name: &str) -> Vec<Repository> {
        self.pods.iter().map(|pod| pod.repository(name)).collect()
    }

    /// Asserts that each pod has answered some of what was asked.
    pub(crate) async fn expect_all_asked(&self) {
        for pod in &self.pods {
            let answered = pod.metrics().await.sum("registry_http_requests_total");
            assert!(answered > 0.0, "a pod was never asked");
        }
    }
}

async fn start_pods(stores: &SharedStores) -> Vec<TestRegistry> {
    join_all((0..PODS).map(|_| pod(stores, TIMES).start())).await
}

/// Where they listen.
pub(crate) fn ports(pods: &[TestRegistry]) -> Vec<u16> {
    pods.iter().map(|pod| pod.address().port()).collect()
}

/// A client of nginx.
pub(crate) fn client_of(nginx: &Nginx) -> Client {
    Client::new(([127, 0, 0, 1], nginx.port()).into())
}
