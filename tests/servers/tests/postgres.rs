//! PostgreSQL and `PgBouncer`.

use berth_test_servers::{PgBouncer, PoolMode, Postgres};
use tokio::process::Command;

#[tokio::test]
async fn each_database_is_fresh_and_copies_have_what_was_there() {
    let postgres = Postgres::shared().await;
    let template = postgres.create_database().await;
    assert_eq!(psql(&template, "CREATE TABLE t AS SELECT 7 AS n").await, "");
    let copy = postgres.create_database_from(&template).await;
    let name = template.rsplit('/').next().expect("a name");
    let second = postgres.create_database_from(name).await;
    let other = postgres.create_database().await;

    assert_eq!(psql(&copy, "SELECT n FROM t").await, "7");
    assert_eq!(psql(&second, "SELECT n FROM t").await, "7");
    assert_eq!(psql(&other, "SELECT to_regclass('t') IS NULL").await, "t");
}

#[tokio::test]
async fn settings_are_taken_and_win() {
    let settings = [("max_connections", "17"), ("work_mem", "1MB")];
    let postgres = Postgres::start_with(&settings).await;
    let shown = postgres
        .execute(
            "postgres",
            "SHOW max_connections; SHOW work_mem; SHOW fsync",
        )
        .await;
    assert_eq!(shown, "17\n1MB\noff");
    let socket = postgres
        .socket_directory()
        .join(format!(".s.PGSQL.{}", postgres.port()));
    assert!(socket.exists(), "{}", socket.display());
}

#[tokio::test]
async fn data_outlives_restarts_and_crashes() {
    let mut postgres = Postgres::start().await;
    let url = postgres.create_database().await;
    psql(&url, "CREATE TABLE t (n int); INSERT INTO t VALUES (1)").await;

    postgres.restart().await;
    assert_eq!(psql(&url, "SELECT n FROM t").await, "1");

    // With a connection that is busy: its process must notice that the server was killed.
    let mut busy = Command::new("psql");
    busy.args([&url, "-c", "SELECT pg_sleep(60)"]);
    let mut busy = busy.kill_on_drop(true).spawn().expect("psql starts");
    let asks = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'";
    while psql(&url, asks).await != "1" {}
    postgres.kill().await;
    let status = busy.wait().await.expect("psql ends");
    assert!(!status.success(), "its connection was cut");
    assert_eq!(psql(&url, "SELECT n FROM t").await, "1");

    postgres.stop().await;
    assert!(!connects(&url).await, "it is down");
    postgres.restart().await;
    assert_eq!(psql(&url, "SELECT n FROM t").await, "1");
}

#[tokio::test]
async fn pgbouncer_gives_connections_away_by_session_or_by_transaction() {
    let postgres = Postgres::shared().await;
    let database = postgres.create_database().await;
    let name = database.rsplit('/').next().expect("a name");

    for (mode, shown) in [
        (PoolMode::Session, "session"),
        (PoolMode::Transaction, "transaction"),
    ] {
        let mut pgbouncer = PgBouncer::start(postgres, mode).await;
        let url = pgbouncer.url(name);
        assert_eq!(psql(&url, "SELECT current_database()").await, name);
        let config = psql(&pgbouncer.url("pgbouncer"), "SHOW CONFIG").await;
        let line = format!("pool_mode|{shown}|");
        assert!(config.lines().any(|one| one.starts_with(&line)), "{config}");

        pgbouncer.stop().await;
        assert!(!connects(&url).await, "it is down");
        pgbouncer.restart().await;
        assert_eq!(psql(&url, "SELECT 1").await, "1");
    }
}

async fn connects(url: &str) -> bool {
    run(url, "SELECT 1").await.is_ok()
}

async fn psql(url: &str, statement: &str) -> String {
    run(url, statement).await.expect("psql succeeds")
}

async fn run(url: &str, statement: &str) -> Result<String, String> {
    let output = Command::new("psql")
        .args(["-X", "-A", "-t", "-q", url, "-c", statement])
        .output()
        .await
        .expect("psql starts");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
