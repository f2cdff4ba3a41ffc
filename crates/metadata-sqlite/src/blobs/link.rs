//! How a blob row that exists becomes visible in a repository.

/// SQL that links blob `$3` of `$4` bytes into the repository whose id `$repository` tells; the link
/// ends at `$5` unless a manifest names it. Where there is no such repository it writes nothing.
///
/// 1. The namespace is charged if it does not hold the blob yet; its key decides, not a count.
/// 2. A link that is there keeps its lease or has it extended, and one without stays without.
/// 3. References that waited for the blob hold the link from now on, so it needs no lease.
macro_rules! link_blob {
    ($repository:literal) => {
        concat!(
            "INSERT INTO namespace_usage (namespace_id, shard, bytes)
             SELECT namespace_id, 0, $4 FROM repositories WHERE id = ",
            $repository,
            " AND NOT EXISTS (
                SELECT 1 FROM namespace_blobs
                WHERE namespace_id = repositories.namespace_id AND digest = $3
             )
             ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes;

             INSERT INTO namespace_blobs (namespace_id, digest, size)
             SELECT namespace_id, $3, $4 FROM repositories WHERE id = ",
            $repository,
            " ON CONFLICT DO NOTHING;

             INSERT INTO repository_blobs (repository_id, digest, namespace_id, size, expires_at)
             SELECT id, $3, namespace_id, $4, CASE WHEN EXISTS (
                SELECT 1 FROM manifest_blobs
                WHERE repository_id = repositories.id AND digest = $3 AND linked IS NULL
             ) THEN NULL ELSE $5 END
             FROM repositories WHERE id = ",
            $repository,
            " ON CONFLICT DO UPDATE SET deleted_at = NULL, expires_at = CASE
                WHEN expires_at IS NULL AND deleted_at IS NULL THEN NULL
                ELSE max(coalesce(expires_at, 0), excluded.expires_at)
             END;

             UPDATE manifest_blobs SET linked = digest
             WHERE digest = $3 AND linked IS NULL AND repository_id = ",
            $repository,
            ";"
        )
    };
}
pub(crate) use link_blob;
