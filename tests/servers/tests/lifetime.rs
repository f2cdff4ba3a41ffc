//! What is left when a test process ends: nothing.

use std::{
    env,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use berth_test_servers::{
    Nginx, NginxConfig, PgBouncer, PoolMode, Postgres, SeaweedFs, Toxiproxy, VersityGw,
};
use tokio::time::sleep;

/// Set in the process that is to be killed.
const VICTIM: &str = "BERTH_TEST_SERVERS_VICTIM";

/// The kernel ties a process to the thread that started it, and each test is a thread.
#[test]
fn a_shared_server_outlives_the_test_that_started_it() {
    let start = || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async { VersityGw::shared().await.port() })
    };
    let port = thread::spawn(start).join().expect("a port");
    thread::sleep(Duration::from_millis(100));
    assert!(listens(port));
}

#[tokio::test]
async fn a_private_server_ends_when_dropped() {
    let postgres = Postgres::start().await;
    let (port, directory) = (postgres.port(), postgres.socket_directory().to_owned());
    assert!(listens(port) && directory.exists());
    drop(postgres);
    assert!(!listens(port) && !directory.exists());
}

#[tokio::test]
async fn all_servers_and_files_go_with_a_killed_process() {
    if env::var_os(VICTIM).is_some() {
        be_killed().await;
    }
    let (mut victim, words) = start_victim();
    let (directory, ports) = words.split_first().expect("a directory and ports");
    let directory = Path::new(directory).parent().expect("a directory of all");
    let ports = ports.iter().map(|port| port.parse().expect("a port"));
    let ports = ports.collect::<Vec<u16>>();
    assert_eq!(ports.len(), 6);
    assert!(ports.iter().all(|&port| listens(port)));
    assert!(directory.exists());
    let sockets = format!("/tmp/seaweedfs-s3-grpc-{}.sock", ports[5] + 1);
    assert!(Path::new(&sockets).exists(), "{sockets}");

    victim.kill().expect("it can be killed");
    victim.wait().expect("it ends");
    let deadline = Instant::now() + Duration::from_secs(20);
    while ports.iter().any(|&port| listens(port))
        || directory.exists()
        || Path::new(&sockets).exists()
    {
        assert!(Instant::now() < deadline, "{words:?} are still there");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Runs this very test in a process of its own; returns what it says once its servers are up.
fn start_victim() -> (Child, Vec<String>) {
    let mut victim = Command::new(env::current_exe().expect("the path of this test"))
        .args(["--exact", "--nocapture"])
        .arg("lifetime::all_servers_and_files_go_with_a_killed_process")
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test starts");
    let output = victim.stdout.take().expect("its output");
    let lines = BufReader::new(output).lines().map_while(Result::ok);
    let mut words = lines.filter_map(|line| {
        let (_, words) = line.split_once("servers: ")?;
        Some(words.split(' ').map(str::to_owned).collect())
    });
    (victim, words.next().expect("its servers are up"))
}

#[expect(
    clippy::print_stdout,
    reason = "this is how the process that is killed tells the test about itself"
)]
/// Starts one server of each kind, says where, and waits for the end.
async fn be_killed() {
    let postgres = Postgres::shared().await;
    let pgbouncer = PgBouncer::start(postgres, PoolMode::Session).await;
    let versitygw = VersityGw::shared().await;
    let nginx = Nginx::start(NginxConfig::new(&[versitygw.port()])).await;
    let toxiproxy = Toxiproxy::start().await;
    let proxy = toxiproxy.proxy(versitygw.port()).await;
    let seaweedfs = SeaweedFs::shared().await;
    println!(
        "servers: {} {} {} {} {} {} {}",
        postgres.socket_directory().display(),
        postgres.port(),
        pgbouncer.port(),
        versitygw.port(),
        nginx.port(),
        proxy.port(),
        seaweedfs.port()
    );
    sleep(Duration::from_mins(1)).await;
    panic!("it should have been killed");
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}
