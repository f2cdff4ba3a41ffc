//! A PostgreSQL database: reached, ours, writable, with room for this pod, and what lies between.

use metadata_postgres::{Examination, ExamineError, OpenError, Pooler, examine, examine_replica};

use super::clocks::{self, Signed};
use super::finding::{Finding, milliseconds};
use super::marks;
use crate::clock::SystemClock;
use crate::config::{Configuration, Migrate, PostgresUrl};

const OTHERWISE: &str = "see the log of the database";
const UNREAD: &str = "see below what this user may do, and else the log of the database";

/// Examines the database, the way to it for migrations, and its replica.
pub(crate) async fn findings(url: &PostgresUrl, configuration: &Configuration) -> Vec<Finding> {
    let metadata = &configuration.metadata;
    let mut findings = match examine(url.as_str(), &SystemClock).await {
        Ok(examination) => database(&examination, configuration),
        Err(error) => vec![Finding::error("database", &error, OTHERWISE)],
    };
    if let Some(url) = &metadata.migrations_url {
        findings.push(migrations(url, metadata.migrate).await);
    }
    if let Some(url) = &metadata.replica_url {
        findings.push(replica(url).await);
    }
    findings
}

fn database(examination: &Examination, configuration: &Configuration) -> Vec<Finding> {
    let Examination {
        database,
        server_version,
        ..
    } = examination;
    let metadata = &configuration.metadata;
    let own_way = metadata.migrations_url.is_some();
    let tls = examination.tls.as_deref().unwrap_or("not encrypted");
    let round_trip = milliseconds(examination.round_trip);
    let reached =
        format!("PostgreSQL {server_version}, {round_trip} round trip, {tls}: {database}");
    vec![
        marks::judge("database", reached, examination.marks.as_ref()),
        schema(examination, metadata.migrate, own_way),
        writes(examination),
        connections(examination, metadata.connections.get()),
        pooler(examination, own_way),
        clocks::judge(
            "database clock",
            "the database",
            examination.clock_ahead,
            Signed::No,
        ),
    ]
}

/// Whether the schema is this release's, or will be; `own_way` if migrations have a URL of their own.
fn schema(examination: &Examination, migrate: Migrate, own_way: bool) -> Finding {
    const CHECK: &str = "schema";
    let state = match &examination.schema {
        Ok(state) => state,
        Err(error) => return Finding::error(CHECK, error, UNREAD),
    };
    let known = state.known;
    if state.is_current() {
        return Finding::ok(CHECK, format!("version {known}, which is this release's"));
    }
    let found = match state.found {
        Some(found) => format!("version {found}, older than this release's, which is {known}"),
        None => format!("the database is empty; this release's schema is version {known}"),
    };
    if migrate == Migrate::Command {
        return Finding::fail(
            CHECK,
            found,
            "run `berth migrate`; a registry does not start before",
        );
    }
    if !examination.may_migrate && !own_way {
        return Finding::fail(
            CHECK,
            format!("{found}, and this user may not create tables"),
            "make the user the owner of the database, or set metadata.migrations_url to a URL with a user who is",
        );
    }
    Finding::ok(
        CHECK,
        format!("{found}: the next registry that starts brings it there"),
    )
}

/// Whether a write becomes durable, and this user may make it.
fn writes(examination: &Examination) -> Finding {
    const CHECK: &str = "writes";
    let commit = match &examination.commit {
        Ok(commit) => milliseconds(*commit),
        Err(error) => return Finding::error(CHECK, error, OTHERWISE),
    };
    if examination.forbidden.is_empty() && examination.syncs {
        return Finding::ok(CHECK, format!("a small one is durable after {commit}"));
    }
    if examination.forbidden.is_empty() {
        return Finding::warn(
            CHECK,
            format!(
                "a small one takes {commit}, and the server does not sync to its disk (fsync = off): when its machine \
                 crashes, all may be lost"
            ),
            "set fsync = on in postgresql.conf, except for tests",
        );
    }
    let tables = examination.forbidden.join(", ");
    Finding::fail(
        CHECK,
        format!("this user may not read and write {tables}"),
        "let the owner GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA … TO this user, and ALTER DEFAULT \
         PRIVILEGES likewise for those to come",
    )
}

/// Whether there is room for the connections of one more pod.
fn connections(examination: &Examination, wanted: u32) -> Finding {
    const CHECK: &str = "connections";
    let (limit, open) = (examination.connection_limit, examination.connections);
    let (wanted, free) = (i64::from(wanted), limit.saturating_sub(open));
    let detail = format!("{open} of {limit} are open, and a pod takes up to {wanted}");
    if free >= wanted {
        let pods = free / wanted.max(1);
        return Finding::ok(CHECK, format!("{detail}: room for {pods} more"));
    }
    Finding::warn(
        CHECK,
        format!("{detail}: there may be none left for one more"),
        "raise max_connections of the server (or the limit of the user or database), lower metadata.connections, or put \
         PgBouncer between with pool_mode session",
    )
}

/// What stands between, and whether migrations get past it.
fn pooler(examination: &Examination, own_way: bool) -> Finding {
    const CHECK: &str = "pooler";
    match &examination.pooler {
        Ok(Pooler::None) => Finding::ok(CHECK, "none, or one that keeps sessions"),
        Ok(Pooler::Transactions) if own_way => Finding::ok(
            CHECK,
            "hands connections on after each transaction, and keeps prepared statements",
        ),
        Ok(Pooler::Transactions) => Finding::warn(
            CHECK,
            "hands connections on after each transaction: prepared statements work, and migrations do not",
            "set metadata.migrations_url to a URL that leads to the server itself",
        ),
        Err(error) => Finding::error(CHECK, error, OTHERWISE),
    }
}

/// The way for migrations leads to a database whose schema can be changed.
async fn migrations(url: &PostgresUrl, migrate: Migrate) -> Finding {
    const CHECK: &str = "migrations";
    let finding = match examine(url.as_str(), &SystemClock).await {
        Err(error) => Finding::error(CHECK, &error, OTHERWISE),
        Ok(Examination {
            pooler: Ok(Pooler::Transactions),
            database,
            ..
        }) => {
            let error = ExamineError::Open(OpenError::PoolerForMigrations { database });
            Finding::error(CHECK, &error, OTHERWISE)
        }
        Ok(Examination {
            may_migrate: false,
            database,
            ..
        }) => Finding::fail(
            CHECK,
            format!("the user of {database} may not create tables"),
            "make the user the owner of the database, or name one who is in metadata.migrations_url",
        ),
        Ok(Examination {
            database,
            round_trip,
            ..
        }) => {
            let round_trip = milliseconds(round_trip);
            Finding::ok(CHECK, format!("go to {database}, {round_trip} round trip"))
        }
    };
    match migrate {
        Migrate::Start => finding,
        // Registries do not use it.
        Migrate::Command => finding.tolerable(),
    }
}

/// The registry does without its replica.
async fn replica(url: &PostgresUrl) -> Finding {
    const CHECK: &str = "replica";
    let examination = match examine_replica(url.as_str()).await {
        Ok(examination) => examination,
        Err(error) => return Finding::error(CHECK, &error, OTHERWISE).tolerable(),
    };
    let (database, version) = (&examination.database, &examination.server_version);
    if !examination.is_ours {
        return Finding::warn(
            CHECK,
            format!("{database} does not have the tables of the registry"),
            "let metadata.replica_url lead to a standby of the database; until then the primary answers everything",
        );
    }
    let role = if examination.follows {
        "follows the primary"
    } else {
        "follows nobody, it is a primary itself"
    };
    let round_trip = milliseconds(examination.round_trip);
    let detail = format!("PostgreSQL {version}, {round_trip} round trip, {role}: {database}");
    Finding::ok(CHECK, detail)
}
