//! How a blob row that exists becomes visible in a repository.

/// SQL that links blob `$3` of `$4` bytes into repository `$1` of namespace `$2`, all of which are
/// made if absent; the link ends at `$5` unless a manifest names it.
///
/// 1. The namespace is charged if it does not hold the blob yet; its key decides, not a count.
/// 2. A link that is there keeps its lease or has it extended, and one without stays without.
/// 3. References that waited for the blob hold the link from now on, so it needs no lease.
macro_rules! link_blob {
    () => {
        concat!(
            $crate::statement::ensure_repository!(),
            "INSERT INTO namespace_usage (namespace_id, shard, bytes)
             SELECT id, 0, $4 FROM namespaces WHERE name = $2 AND NOT EXISTS (
                SELECT 1 FROM namespace_blobs WHERE namespace_id = namespaces.id AND digest = $3
             )
             ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes;

             INSERT INTO namespace_blobs (namespace_id, digest, size)
             VALUES ((SELECT id FROM namespaces WHERE name = $2), $3, $4)
             ON CONFLICT DO NOTHING;

             INSERT INTO repository_blobs (repository_id, digest, namespace_id, size, expires_at)
             SELECT id, $3, namespace_id, $4, CASE WHEN EXISTS (
                SELECT 1 FROM manifest_blobs
                WHERE repository_id = repositories.id AND digest = $3 AND linked IS NULL
             ) THEN NULL ELSE $5 END
             FROM repositories WHERE path = $1 AND deleted_at IS NULL
             ON CONFLICT DO UPDATE SET deleted_at = NULL, expires_at = CASE
                WHEN expires_at IS NULL AND deleted_at IS NULL THEN NULL
                ELSE max(coalesce(expires_at, 0), excluded.expires_at)
             END;

             UPDATE manifest_blobs SET linked = digest
             WHERE repository_id = (SELECT id FROM repositories WHERE path = $1 AND deleted_at IS NULL)
               AND digest = $3 AND linked IS NULL;"
        )
    };
}
pub(crate) use link_blob;
