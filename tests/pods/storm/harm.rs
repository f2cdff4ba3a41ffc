//! What the clients of a storm speak to, and what is done to it: pods, a database and a way to the bucket, each of which
//! fails now and then.

use std::time::{Duration, Instant};

use berth_test_servers::{FaultProxy, Nginx, NginxConfig, Postgres, Proxy, SeaweedFs, Toxiproxy};
use berth_tests::{Client, SharedStores, TestRegistry, storm::Chance};
use futures_util::future::join_all;
use tokio::time::sleep;

use super::{
    IDLE_TIMEOUT,
    faults::{Faults, Intensity},
};
use crate::cluster::{self, PODS};

/// How long what nobody can reach stays: longer than a request of a pod that was killed can still be on its way.
const DELETION_DELAY: Duration = Duration::from_secs(5);

/// Three pods with nginx before them, their own database, and a network and a proxy between them and the bucket.
pub(super) struct Harbour {
    pub(super) postgres: Postgres,
    pub(super) stores: SharedStores,
    pods: Vec<TestRegistry>,
    nginx: Nginx,
    way: Proxy,
    proxy: FaultProxy,
    faults: Faults,
    chance: Chance,
    deeds: Deeds,
    _toxiproxy: Toxiproxy,
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Blow {
    PodDies,
    PodsDie,
    PodsDieWithoutBucket,
    DatabaseDies,
    DatabaseRestarts,
    BucketIsCutOff,
    BucketIsSlow,
    BucketFails,
}

/// All of it, in an order of its own each time.
const BLOWS: [Blow; 10] = [
    Blow::PodDies,
    Blow::PodDies,
    Blow::PodDies,
    Blow::PodsDie,
    Blow::PodsDieWithoutBucket,
    Blow::DatabaseDies,
    Blow::DatabaseRestarts,
    Blow::BucketIsCutOff,
    Blow::BucketIsSlow,
    Blow::BucketFails,
];

/// What was done.
#[derive(Debug, Default)]
struct Deeds {
    pods_killed: usize,
    pods_restarted: usize,
    database_killed: usize,
    database_restarted: usize,
    bucket_cut_off: usize,
    bucket_slow: usize,
    bucket_failing: usize,
}

impl Harbour {
    pub(super) async fn build(seed: u64) -> Self {
        let postgres = Postgres::start().await;
        let stores = SharedStores::on(&postgres).await;
        let proxy = FaultProxy::start(&SeaweedFs::shared().await.endpoint());
        let toxiproxy = Toxiproxy::start().await;
        let way = toxiproxy.proxy(proxy.port()).await;
        let beyond = stores.through(way.port()).await;
        let times = format!(
            "uploads:\n  idle_timeout: {}s\n  lease: 5s\n  deletion_delay: {}s\njobs:\n  interval: 1s",
            IDLE_TIMEOUT.as_secs(),
            DELETION_DELAY.as_secs()
        );
        let pods = (0..PODS).map(|_| cluster::pod(&beyond, &times).start());
        let pods = join_all(pods).await;
        let nginx = Nginx::start(NginxConfig::new(&cluster::ports(&pods))).await;
        let streams = [u64::MAX - 1, u64::MAX - 2].map(|stream| Chance::new(seed, stream));
        let [chance, faulty] = streams;
        Self {
            postgres,
            stores,
            pods,
            nginx,
            way,
            proxy,
            faults: Faults::new(faulty),
            chance,
            deeds: Deeds::default(),
            _toxiproxy: toxiproxy,
        }
    }

    /// A client of nginx, which stays where it is.
    pub(super) fn client(&self) -> Client {
        cluster::client_of(&self.nginx)
    }

    /// What was done, in words.
    pub(super) fn deeds(&self) -> String {
        let Deeds {
            pods_killed,
            pods_restarted,
            database_killed,
            database_restarted,
            bucket_cut_off,
            bucket_slow,
            bucket_failing,
        } = self.deeds;
        format!(
            "{pods_killed} kills and {pods_restarted} restarts of pods; database {database_killed} times killed, \
             {database_restarted} times restarted; bucket {bucket_cut_off} times cut off, {bucket_slow} slow, \
             {bucket_failing} failing; single faults {:?}",
            self.faults.count()
        )
    }

    /// Does one harm after the other for this long.
    pub(super) async fn suffer(&mut self, time: Duration) {
        let end = Instant::now() + time;
        self.faults.begin(&self.proxy, Intensity::Light);
        let mut blows = BLOWS;
        loop {
            self.chance.shuffle(&mut blows);
            for blow in blows {
                self.wait(200, 1_000).await;
                if Instant::now() > end {
                    return;
                }
                self.suffer_one(blow).await;
            }
        }
    }

    async fn suffer_one(&mut self, blow: Blow) {
        match blow {
            Blow::PodDies => self.kill_pods(1).await,
            Blow::PodsDie => self.kill_pods(2).await,
            Blow::PodsDieWithoutBucket => self.kill_pods_without_bucket().await,
            Blow::DatabaseDies => {
                self.postgres.kill().await;
                self.deeds.database_killed += 1;
            }
            Blow::DatabaseRestarts => {
                self.postgres.restart().await;
                self.deeds.database_restarted += 1;
            }
            Blow::BucketIsCutOff => self.cut_off_bucket().await,
            Blow::BucketIsSlow => self.slow_down_bucket().await,
            Blow::BucketFails => self.let_bucket_fail().await,
        }
    }

    /// Ends all harm, and starts all pods anew.
    pub(super) async fn heal(&mut self) {
        self.proxy.clear();
        self.way.heal().await;
        for pod in &mut self.pods {
            pod.kill_hard();
        }
        self.restart_pods().await;
    }

    async fn wait(&mut self, least: u64, most: u64) {
        let time = self.chance.below(most - least + 1) + least;
        sleep(Duration::from_millis(time)).await;
    }

    async fn kill_pods(&mut self, count: usize) {
        self.kill(count);
        self.wait(0, 800).await;
        self.restart_pods().await;
    }

    fn kill(&mut self, count: usize) {
        let first = self.chance.length(0, PODS as u64 - 1);
        for number in first..first + count {
            self.pods[number % PODS].kill_hard();
        }
        self.deeds.pods_killed += count;
    }

    async fn restart_pods(&mut self) {
        let starts = self.pods.iter_mut().map(async |pod| {
            let dead = !pod.is_running();
            if dead {
                pod.restart().await;
            }
            usize::from(dead)
        });
        self.deeds.pods_restarted += join_all(starts).await.iter().sum::<usize>();
        self.nginx.set_upstreams(&cluster::ports(&self.pods)).await;
    }

    async fn cut_off_bucket(&mut self) {
        self.deeds.bucket_cut_off += 1;
        match self.chance.below(3) {
            0 => self.way.cut().await,
            1 => self.way.reset().await,
            _ => self.way.hang().await,
        }
        self.wait(300, 2_000).await;
        self.way.heal().await;
    }

    async fn kill_pods_without_bucket(&mut self) {
        self.deeds.bucket_cut_off += 1;
        self.way.hang().await;
        self.wait(100, 1_000).await;
        self.kill(2);
        self.way.heal().await;
        self.restart_pods().await;
    }

    async fn slow_down_bucket(&mut self) {
        self.deeds.bucket_slow += 1;
        if self.chance.below(2) == 0 {
            self.way.latency(200 + self.chance.below(600)).await;
        } else {
            self.way.bandwidth(500 + self.chance.below(2_000)).await;
        }
        self.wait(1_000, 3_000).await;
        self.way.heal().await;
    }

    async fn let_bucket_fail(&mut self) {
        self.deeds.bucket_failing += 1;
        self.faults.begin(&self.proxy, Intensity::Heavy);
        self.wait(500, 2_000).await;
        self.faults.begin(&self.proxy, Intensity::Light);
    }
}
