//! What is opened, what is refused, and with which words.

use std::time::{Duration, Instant};

use berth_test_servers::Postgres;
use futures_util::future::join_all;
use metadata_postgres::{OpenError, OpenOptions, PostgresMetadata};
use registry_core::change::Guard;
use registry_core::ports::{ManifestStore as _, MetadataError, TagIndex as _};
use registry_core::testing::metadata::{change, name, push, resolve, tagged};
use sqlx::{AssertSqlSafe, Executor as _, Row as _};
use tokio::time::sleep;

use super::Database;

/// What the first start does first.
const VERSIONS: &str = "CREATE TABLE _sqlx_migrations (
    version bigint PRIMARY KEY, description text NOT NULL,
    installed_on timestamptz NOT NULL DEFAULT now(),
    success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL
)";

/// The sentence an operator reads.
async fn refusal(database: &Database) -> OpenError {
    match database.open().await {
        Ok(_) => panic!("opened"),
        Err(error) => {
            let sentence = error.to_string();
            let name = database.url.rsplit('/').next().unwrap();
            assert!(sentence.contains(name), "{sentence}");
            error
        }
    }
}

#[tokio::test]
async fn what_was_written_is_there_again() {
    let mut database = Database::new().await;
    let metadata = database.open().await.unwrap();
    let digest = push(&metadata, tagged("a/b", "{}", &["v1"])).await;
    metadata.close().await;
    database.metrics = prometheus::Registry::new();
    let metadata = database.open().await.unwrap();
    assert_eq!(resolve(&metadata, "a/b", "v1").await, Some(digest));
}

#[tokio::test]
async fn a_closed_database_answers_no_more() {
    let database = Database::migrated().await;
    let metadata = database.open().await.unwrap();
    metadata.close().await;
    let late = metadata
        .commit_manifest(&change(), Guard::open(), tagged("a/b", "late", &["v1"]))
        .await;
    assert!(
        matches!(late, Err(MetadataError::Unavailable(_))),
        "{late:?}"
    );
    let late = metadata.list_tags(&name("a/b"), None, 1).await;
    assert!(
        matches!(late, Err(MetadataError::Unavailable(_))),
        "{late:?}"
    );
}

/// As when a deployment starts all its pods.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_open_an_empty_database_at_once() {
    let database = Database::new().await;
    let opened = join_all((0..8).map(|_| database.open_another())).await;
    let digest = push(&opened[0], tagged("a/b", "{}", &["v1"])).await;
    for metadata in &opened {
        assert_eq!(resolve(metadata, "a/b", "v1").await, Some(digest));
    }
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    for set_up in [
        "CREATE TABLE notes (note text)",
        "CREATE TABLE _sqlx_migrations (version bigint); INSERT INTO _sqlx_migrations VALUES (1)",
    ] {
        let database = Database::new().await;
        database.execute(set_up).await;
        let error = refusal(&database).await;
        assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
        let mut connection = database.connect().await;
        let ours = "SELECT to_regclass('manifests') IS NOT NULL";
        let row = connection.fetch_one(ours).await.unwrap();
        assert!(!row.get::<bool, _>(0));
    }
}

#[tokio::test]
async fn a_newer_database_is_refused_naming_both_versions() {
    let database = Database::migrated().await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', true, '', 0)";
    database.execute(newer).await;
    let error = refusal(&database).await;
    let sentence = error.to_string();
    assert!(
        matches!(error, OpenError::Newer { found: 9999, .. }),
        "{error:?}"
    );
    assert!(
        sentence.contains("9999") && sentence.contains("up to 2"),
        "{sentence}"
    );
}

#[tokio::test]
async fn an_applied_step_that_was_changed_is_refused() {
    let database = Database::migrated().await;
    database
        .execute("UPDATE _sqlx_migrations SET checksum = ''")
        .await;
    let error = refusal(&database).await;
    assert!(matches!(error, OpenError::Migration { .. }), "{error:?}");
}

/// A first start may be cut off before its first step.
#[tokio::test]
async fn what_a_cut_off_first_start_left_is_completed() {
    let database = Database::new().await;
    database.execute(VERSIONS).await;
    let metadata = database.open().await.unwrap();
    push(&metadata, tagged("a/b", "{}", &["v1"])).await;
}

#[tokio::test]
async fn an_older_database_is_migrated_or_refused() {
    let database = Database::new().await;
    let options = || OpenOptions {
        migrate: false,
        ..OpenOptions::new(database.url.as_str(), prometheus::Registry::new())
    };
    let error = PostgresMetadata::open(options()).await.unwrap_err();
    assert!(
        matches!(error, OpenError::Older { found: 0, .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains("`berth migrate`"), "{error}");

    let state = PostgresMetadata::schema_state(&database.url).await.unwrap();
    assert_eq!((state.found, state.is_current()), (None, false));
    let before = PostgresMetadata::migrate(&database.url, None)
        .await
        .unwrap();
    assert_eq!(before, state);
    let state = PostgresMetadata::schema_state(&database.url).await.unwrap();
    assert_eq!((state.found, state.is_current()), (Some(state.known), true));
    PostgresMetadata::open(options()).await.unwrap();
}

#[tokio::test]
async fn migrations_may_have_a_url_of_their_own() {
    let database = Database::new().await;
    let options = OpenOptions {
        migrations_url: Some(format!("{}?application_name=migrations", database.url)),
        ..database.options()
    };
    PostgresMetadata::open(options).await.unwrap();

    let (database, other) = (Database::new().await, Database::new().await);
    let options = OpenOptions {
        migrations_url: Some(other.url),
        ..database.options()
    };
    let error = PostgresMetadata::open(options).await.unwrap_err();
    assert!(
        matches!(error, OpenError::OtherDatabase { .. }),
        "{error:?}"
    );
}

/// A schema with the name of the user comes before `public`, where the tables are: new ones there would hide them.
#[tokio::test]
async fn what_is_newer_is_created_beside_what_is_there() {
    let database = Database::migrated().await;
    // As a release would find it that has one step more, which will not work, because it was done.
    database
        .execute("DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)")
        .await;
    database.execute("CREATE SCHEMA postgres").await;
    let failed = refusal(&database).await;
    assert!(matches!(failed, OpenError::Migration { .. }), "{failed:?}");
    let mut connection = database.connect().await;
    let ours = "SELECT count(*) FROM pg_class WHERE relnamespace = 'postgres'::regnamespace";
    let row = connection.fetch_one(ours).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), 0, "the step went there");
}

/// Nor does the user for migrations decide where they go.
#[tokio::test]
async fn tables_are_created_where_they_are_looked_for() {
    let (database, by_command) = (Database::new().await, Database::new().await);
    database
        .execute("CREATE ROLE migrator SUPERUSER LOGIN; CREATE SCHEMA migrator")
        .await;
    by_command.execute("CREATE SCHEMA migrator").await;
    let as_migrator = |url: &str| url.replace("//postgres@", "//migrator@");
    let migrations = as_migrator(&by_command.url);
    let before = PostgresMetadata::migrate(&by_command.url, Some(&migrations)).await;
    assert_eq!(before.unwrap().found, None);
    for database in [database, by_command] {
        let options = OpenOptions {
            migrations_url: Some(as_migrator(&database.url)),
            ..database.options()
        };
        let metadata = PostgresMetadata::open(options).await.unwrap();
        push(&metadata, tagged("a/b", "{}", &["v1"])).await;
    }
}

/// A URL for migrations that leads to the database of another program changes nothing there.
#[tokio::test]
async fn another_program_is_left_alone_by_migrations() {
    let (database, other) = (Database::new().await, Database::new().await);
    other.execute("CREATE TABLE notes (note text)").await;
    let options = OpenOptions {
        migrations_url: Some(other.url.clone()),
        ..database.options()
    };
    let error = PostgresMetadata::open(options).await.unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
}

/// While a backup holds a table, a step does not make all others wait behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_does_not_queue_for_a_lock() {
    let database = Database::new().await;
    database.execute(VERSIONS).await;
    let mut holder = database.connect().await;
    let hold = "BEGIN; LOCK TABLE _sqlx_migrations IN SHARE MODE";
    holder.execute(hold).await.unwrap();
    let waits = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut observer = database.connect().await;
        for expected in [1, 0, 1] {
            let deadline = Instant::now() + Duration::from_secs(20);
            while observer.fetch_one(waiting).await.unwrap().get::<i64, _>(0) != expected {
                assert!(Instant::now() < deadline, "not {expected}");
                sleep(Duration::from_millis(20)).await;
            }
        }
        holder.execute("ROLLBACK").await.unwrap();
    };
    let (opened, ()) = tokio::join!(database.open(), waits);
    push(&opened.unwrap(), tagged("a/b", "{}", &["v1"])).await;
}

#[tokio::test]
async fn who_may_not_migrate_is_told_so() {
    let database = Database::new().await;
    database.execute("CREATE ROLE guest LOGIN").await;
    let guest = Database::at(database.url.replace("//postgres@", "//guest@"));
    let error = refusal(&guest).await;
    assert!(matches!(error, OpenError::NotOwner { .. }), "{error:?}");
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_told_without_the_password() {
    let server = Postgres::shared().await;
    for (url, expected) in [
        (
            "postgres://u:secret@127.0.0.1:1/database_x".to_owned(),
            "cannot be reached",
        ),
        (
            "postgres:///database_x?host=/nowhere&password=secret".to_owned(),
            "cannot be reached",
        ),
        (
            server
                .url("database_x")
                .replace("postgres@", "postgres:secret@"),
            "no database",
        ),
        (
            server
                .url("postgres")
                .replace("postgres@", "nobody:secret@"),
            "does not let this user in",
        ),
        (
            "postgres://u:secret@host:port/".to_owned(),
            "cannot be read",
        ),
    ] {
        let options = OpenOptions::new(url, prometheus::Registry::new());
        assert!(!format!("{options:?}").contains("secret"));
        let error = PostgresMetadata::open(options).await.unwrap_err();
        let sentence = error.to_string();
        assert!(sentence.contains(expected), "{sentence}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_refused() {
    let database = Database::migrated().await;
    let name = database.url.rsplit('/').next().unwrap();
    let read_only = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    database.execute(&read_only).await;
    let error = refusal(&database).await;
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error:?}");
}

#[tokio::test]
async fn a_database_that_cannot_keep_all_text_is_refused() {
    let server = Postgres::shared().await;
    let create = "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0";
    server.execute("postgres", create).await;
    let error = refusal(&Database::at(server.url("latin"))).await;
    assert!(
        matches!(&error, OpenError::Encoding { found, .. } if found == "LATIN1"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_database_without_a_schema_is_refused() {
    let database = Database::new().await;
    database.execute("DROP SCHEMA public").await;
    let error = refusal(&database).await;
    assert!(matches!(error, OpenError::NoSchema { .. }), "{error:?}");
}

/// Whatever an operator has set for server, database or user.
#[tokio::test]
async fn settings_of_the_database_do_not_matter() {
    let database = Database::migrated().await;
    let name = database.url.rsplit('/').next().unwrap();
    let mut connection = database.connect().await;
    for setting in [
        "default_transaction_isolation = 'serializable'",
        "statement_timeout = '1s'",
        "timezone = 'Asia/Kolkata'",
        "plan_cache_mode = 'force_custom_plan'",
        "bytea_output = 'escape'",
        "standard_conforming_strings = off",
    ] {
        let set = format!("ALTER DATABASE {name} SET {setting}");
        connection.execute(AssertSqlSafe(set)).await.unwrap();
    }
    let metadata = database.open().await.unwrap();
    let digest = push(&metadata, tagged("a/b", "{}", &["v1"])).await;
    assert_eq!(resolve(&metadata, "a/b", "v1").await, Some(digest));
}

/// But who wants more of the database than that an acknowledged write is on its disk gets it.
#[tokio::test]
async fn what_is_acknowledged_is_on_a_disk() {
    for (set, expected) in [
        ("off", "on"),
        ("on", "on"),
        ("remote_write", "remote_write"),
    ] {
        let database = Database::migrated().await;
        let name = database.url.rsplit('/').next().unwrap();
        let setting = format!("ALTER DATABASE {name} SET synchronous_commit = {set}");
        database.execute(&setting).await;
        // What a connection of the engine goes by shows in what it writes: a default asks its settings.
        let show =
            "ALTER TABLE repositories ADD shown text DEFAULT current_setting('synchronous_commit')";
        database.execute(show).await;
        let metadata = database.open().await.unwrap();
        push(&metadata, tagged("a/b", "{}", &["v1"])).await;
        let mut connection = database.connect().await;
        let row = connection.fetch_one("SELECT shown FROM repositories").await;
        assert_eq!(row.unwrap().get::<String, _>(0), expected);
    }
}
