//! Repositories and their namespaces: they come into being with the first write that needs them.
//! Writes look a repository up by its path themselves, so that no answer about one can be stale.

use oci_types::RepositoryName;

use crate::statement::{Bound, Statement, statement};

pub(crate) const STATEMENTS: &[&Statement] = &[&CREATE];

// Safe at once with others: whoever comes second waits at the unique key until the first commits or
// gives up. What the first committed is invisible here, and then nothing is returned; whoever goes
// on looks again in a statement of its own.
static CREATE: Statement = statement!(
    "repository_create",
    "WITH known AS (
        SELECT id FROM namespaces WHERE name = $2
     ), created AS (
        INSERT INTO namespaces (name) SELECT $2 WHERE NOT EXISTS (SELECT FROM known)
        ON CONFLICT DO NOTHING RETURNING id
     )
     INSERT INTO repositories (namespace_id, path)
     SELECT id, $1 FROM (SELECT id FROM known UNION ALL SELECT id FROM created) AS namespace
     WHERE NOT EXISTS (SELECT FROM repositories WHERE path = $1 AND deleted_at IS NULL)
     ON CONFLICT DO NOTHING
     RETURNING id"
);

/// Makes sure of a repository; to be followed by another attempt at what needs it.
pub(crate) fn create(repository: &RepositoryName) -> Bound {
    CREATE
        .bind(repository.as_str())
        .bind(repository.namespace())
}
