//! How a blob row that exists becomes visible in a repository.

/// SQL that links blob `$3` into the repository that `home` names, with its size; the link ends `$5`
/// milliseconds from `$4` unless a manifest names it. Where `home` is empty it writes nothing.
///
/// 1. `charged`: the namespace, if it does not hold the blob yet. The unique key decides, not a
///    count: whoever is second waits for the first, and is not returned.
/// 2. `counted`: what was charged, in one of 16 shards.
/// 3. `linked`: a link that is there keeps its lease or has it extended, and one without stays
///    without; one that goes at this moment is made anew.
/// 4. `filled`: references that waited for the blob hold the link from now on, so it needs no lease.
///    One that another push is just writing is not seen and goes on waiting, see `manifest_blobs`.
///
/// What the link relies on may go at the same time: the blob, or the namespace's hold on it. Then a
/// foreign key fails and nothing is done.
macro_rules! link_blob {
    () => {
        concat!(
            "charged AS (
                INSERT INTO namespace_blobs (namespace_id, digest, size)
                SELECT home.namespace_id, $3, home.size FROM home
                WHERE (
                    SELECT true FROM namespace_blobs AS charge
                    WHERE charge.namespace_id = home.namespace_id AND charge.digest = $3 LIMIT 1
                ) IS NULL
                ON CONFLICT DO NOTHING RETURNING namespace_id, size
             ), counted AS (
                INSERT INTO namespace_usage (namespace_id, shard, bytes)
                SELECT namespace_id, get_byte($3, 1) % 16, size FROM charged
                ON CONFLICT (namespace_id, shard) DO UPDATE SET bytes = namespace_usage.bytes + excluded.bytes
             ), linked AS (
                INSERT INTO repository_blobs (repository_id, digest, namespace_id, size, expires_at)
                SELECT home.id, $3, home.namespace_id, home.size, CASE WHEN EXISTS (
                    SELECT FROM manifest_blobs AS waiting
                    WHERE waiting.repository_id = home.id AND waiting.digest = $3 AND waiting.linked IS NULL
                ) THEN NULL ELSE ",
            $crate::statement::after!("$4", "$5"),
            "   END FROM home
                ON CONFLICT (repository_id, digest) DO UPDATE SET deleted_at = NULL, expires_at = CASE
                    WHEN repository_blobs.expires_at IS NULL AND repository_blobs.deleted_at IS NULL THEN NULL
                    WHEN excluded.expires_at IS NULL THEN NULL
                    ELSE greatest(repository_blobs.expires_at, excluded.expires_at)
                END
                WHERE repository_blobs.expires_at IS NOT NULL OR repository_blobs.deleted_at IS NOT NULL
                RETURNING xmax = 0 AS inserted
             ), filled AS (
                UPDATE manifest_blobs SET linked = digest
                WHERE repository_id = (SELECT id FROM home) AND digest = $3 AND linked IS NULL
             )"
        )
    };
}
pub(crate) use link_blob;

/// SQL for two columns: whether the repository held the blob before [`link_blob`], and whether the
/// namespace was charged for it. A row that was really inserted has no earlier version (`xmax`).
macro_rules! held_before {
    () => {
        "NOT EXISTS (SELECT FROM linked WHERE inserted) AND NOT EXISTS (
            SELECT FROM repository_blobs AS gone
            WHERE gone.repository_id = home.id AND gone.digest = $3 AND gone.deleted_at IS NOT NULL
         ), NOT EXISTS (SELECT FROM charged)"
    };
}
pub(crate) use held_before;
