//! Making a database read-only for everybody but the mover, and letting everybody write again.

use std::time::Duration;

use berth_test_servers::{PgBouncer, PoolMode, Postgres, Toxiproxy};
use metadata_postgres::{Freeze, FreezeError, MOVER, OpenOptions, PostgresMetadata, pods};
use registry_core::ports::{Installation as _, Lookup, ManifestStore as _};
use registry_core::testing::metadata::{by_tag, name, push, push_blob, tagged};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use tokio::time::sleep;

use super::Database;

const WRITE: &str = "INSERT INTO namespaces (name) VALUES (gen_random_uuid()::text)";

async fn prepare(database: &Database) -> Freeze {
    Freeze::prepare(&database.url, &database.url).await.unwrap()
}

async fn writes(connection: &mut PgConnection) -> bool {
    connection.execute(WRITE).await.is_ok()
}

/// The mover's own way in.
async fn open_to_move(database: &Database) -> PostgresMetadata {
    let options = OpenOptions {
        writes_always: true,
        name: MOVER,
        metrics: prometheus::Registry::new(),
        ..database.options()
    };
    PostgresMetadata::open(options).await.unwrap()
}

/// Whatever a session is called, and whenever it began.
#[tokio::test]
async fn nobody_else_writes_until_it_is_over() {
    let database = Database::new().await;
    let pod = database.open().await.unwrap();
    push(&pod, tagged("a/b", "payload", &["v1"])).await;
    let freeze = prepare(&database).await;
    // What a pooler keeps for whoever comes next.
    let mut nameless = database.connect().await;
    assert!(writes(&mut nameless).await);

    freeze.begin("there").await.unwrap();
    assert!(!writes(&mut nameless).await, "an old session writes");
    let mut later = database.connect().await;
    assert!(!writes(&mut later).await, "a new session writes");
    let reference = by_tag("v1");
    let found = pod.stat_manifest(&name("a/b"), &reference).await.unwrap();
    assert!(matches!(found, Lookup::Found(_)), "{found:?}");
    let mover = open_to_move(&database).await;
    push_blob(&mover, "a/b", b"the mover's").await;
    assert!(freeze.holds().await.unwrap());
    let state = mover.installation().await.unwrap();
    assert_eq!(state.moving_to.as_deref(), Some("there"));

    freeze.end().await.unwrap();
    assert!(
        !writes(&mut later).await,
        "it began while nobody wrote, and is of no use"
    );
    assert!(writes(&mut database.connect().await).await);
    let later = database.open_another().await;
    push_blob(&later, "a/b", b"a pod's").await;
    assert_eq!(mover.installation().await.unwrap().moving_to, None);
    let lost = freeze.holds().await.unwrap_err();
    assert!(matches!(lost, FreezeError::Lost { .. }), "{lost}");
}

#[tokio::test]
async fn there_is_one_mover_at_a_time() {
    let database = Database::migrated().await;
    let freeze = prepare(&database).await;
    let held = Freeze::prepare(&database.url, &database.url).await;
    let held = held.unwrap_err();
    assert!(matches!(held, FreezeError::Held { .. }), "{held}");
    drop(freeze);
    for _ in 0..50 {
        if Freeze::prepare(&database.url, &database.url).await.is_ok() {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("the lock is still held");
}

/// Whoever ends its connection has let others in: that is told, and the next attempt begins anew.
#[tokio::test]
async fn a_broken_connection_is_no_freeze() {
    let database = Database::migrated().await;
    let freeze = prepare(&database).await;
    freeze.begin("there").await.unwrap();
    let end = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{MOVER}'
           AND datname = current_database()"
    );
    let mut other = database.connect().await;
    other.execute(AssertSqlSafe(end)).await.unwrap();
    freeze.holds().await.unwrap_err();
    freeze.renew().await.unwrap();
    let lost = freeze.holds().await.unwrap_err();
    assert!(matches!(lost, FreezeError::Lost { .. }), "{lost}");
    freeze.begin("there").await.unwrap();
    assert!(freeze.holds().await.unwrap());
    freeze.end().await.unwrap();
}

/// The server does not know yet that the way to a session is cut: it still holds the lock.
#[tokio::test]
async fn its_own_former_session_is_no_obstacle() {
    let server = Postgres::shared().await;
    let database = Database::migrated().await;
    let toxiproxy = Toxiproxy::start().await;
    let way = toxiproxy.proxy(server.port()).await;
    let direct = format!(":{}/", server.port());
    let url = database.url.replace(&direct, &format!(":{}/", way.port()));
    assert_ne!(url, database.url);
    let freeze = Freeze::prepare(&url, &url).await.unwrap();
    way.cut().await;
    freeze.renew().await.unwrap_err();
    way.heal().await;
    freeze.renew().await.unwrap();
}

#[tokio::test]
async fn who_would_not_obey_is_named() {
    let database = Database::migrated().await;
    let user = format!("exempt_{}", database.url.rsplit('/').next().unwrap());
    let own = |setting: &str| {
        format!(
            "ALTER ROLE {user} IN DATABASE {} SET default_transaction_read_only = {setting}",
            database.url.rsplit('/').next().unwrap()
        )
    };
    database.execute(&format!("CREATE ROLE {user} LOGIN")).await;
    database.execute(&own("on")).await;
    drop(prepare(&database).await);
    database.execute(&own("off")).await;
    let exempt = loop {
        // The lock of the one before may still be held.
        match Freeze::prepare(&database.url, &database.url).await {
            Err(FreezeError::Held { .. }) => sleep(Duration::from_millis(50)).await,
            other => break other.unwrap_err(),
        }
    };
    assert!(exempt.to_string().contains(&user), "{exempt}");
    database
        .execute(&format!("DROP OWNED BY {user}; DROP ROLE {user}"))
        .await;
}

/// A setting of a session there is one of whoever comes next.
#[tokio::test]
async fn a_pooler_of_transactions_is_refused() {
    let pooler = PgBouncer::start(Postgres::shared().await, PoolMode::Transaction).await;
    let direct = Database::migrated().await;
    let through = pooler.url(direct.url.rsplit('/').next().unwrap());
    for (url, pool) in [(&through, &direct.url), (&direct.url, &through)] {
        let refused = Freeze::prepare(url, pool).await.unwrap_err();
        assert!(matches!(refused, FreezeError::Pooler { .. }), "{refused}");
    }
}

/// Behind one of sessions it holds for pods behind it, too.
#[tokio::test]
async fn a_pooler_of_sessions_gives_out_no_old_one() {
    let pooler = PgBouncer::start(Postgres::shared().await, PoolMode::Session).await;
    let direct = Database::migrated().await;
    let through = Database::at(pooler.url(direct.url.rsplit('/').next().unwrap()));
    // Left in the pool.
    sqlx::Connection::close(through.connect().await)
        .await
        .unwrap();
    let freeze = prepare(&direct).await;
    freeze.begin("there").await.unwrap();
    for _ in 0..3 {
        assert!(!writes(&mut through.connect().await).await);
    }
    freeze.end().await.unwrap();
}

#[tokio::test]
async fn pods_are_seen_and_movers_are_not() {
    let database = Database::migrated().await;
    assert_eq!(pods(&database.url).await.unwrap(), 0);
    let mover = open_to_move(&database).await;
    push_blob(&mover, "a/b", b"a blob").await;
    assert_eq!(pods(&database.url).await.unwrap(), 0);
    let pod = database.open().await.unwrap();
    push_blob(&pod, "a/b", b"another").await;
    assert!(pods(&database.url).await.unwrap() > 0);
}
