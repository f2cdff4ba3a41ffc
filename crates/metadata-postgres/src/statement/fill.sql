-- A registry of some size for the tests of plans: 200 repositories in 20 namespaces, 20 manifests each, two blobs each
-- manifest, one tag each, a few sessions.
INSERT INTO namespaces (name) SELECT 'n' || n FROM generate_series(1, 20) AS n;
INSERT INTO namespace_usage SELECT id, shard, 0 FROM namespaces, generate_series(0, 15) AS shard;
INSERT INTO repositories (namespace_id, path)
SELECT namespaces.id, name || '/r' || r FROM namespaces, generate_series(1, 10) AS r;
INSERT INTO blobs (digest, size, storage_key)
SELECT '\x01'::bytea || sha256(n::text::bytea), n, sha256(n::text::bytea) FROM generate_series(1, 8000) AS n;
INSERT INTO namespace_blobs
SELECT (n % 200) / 10 + 1, '\x01'::bytea || sha256(n::text::bytea), n FROM generate_series(1, 8000) AS n;
INSERT INTO repository_blobs (repository_id, digest, namespace_id, size, expires_at)
SELECT n % 200 + 1, '\x01'::bytea || sha256(n::text::bytea), (n % 200) / 10 + 1, n,
    CASE WHEN n % 10 = 0 THEN berth_now(n) END
FROM generate_series(1, 8000) AS n;
INSERT INTO manifests (repository_id, digest, media_type, size, pushed_at, subject_digest, artifact_type, payload)
SELECT n % 200 + 1, '\x01'::bytea || sha256(n::text::bytea), 'application/json', 100, berth_now(n),
    CASE WHEN n % 10 = 0 THEN '\x01'::bytea || sha256((n % 100)::text::bytea) END, 'application/json',
    repeat(n::text, 20)::bytea
FROM generate_series(1, 4000) AS n;
INSERT INTO manifest_blobs (manifest_id, digest, repository_id, kind, linked)
SELECT n, '\x01'::bytea || sha256(n::text::bytea), n % 200 + 1, 1, '\x01'::bytea || sha256(n::text::bytea)
FROM generate_series(1, 4000) AS n;
INSERT INTO manifest_blobs (manifest_id, digest, repository_id, kind)
SELECT n, '\x01'::bytea || sha256((n + 100000)::text::bytea), n % 200 + 1, 3 FROM generate_series(1, 4000) AS n;
INSERT INTO manifest_children SELECT n, n + 200 FROM generate_series(1, 3000) AS n;
INSERT INTO tags SELECT n % 200 + 1, 't' || n, n, 1 FROM generate_series(1, 4000) AS n;
INSERT INTO uploads (id, repository_id, object, state, fence, committed, algorithm, expires_at)
SELECT gen_random_uuid(), n % 200 + 1, gen_random_uuid(), (ARRAY[0, 1, 9])[n % 3 + 1], 1, 0, 1, berth_now(n)
FROM generate_series(1, 2000) AS n;
INSERT INTO upload_parts SELECT id, number, 'tag', 1 FROM uploads, generate_series(1, 3) AS number;
INSERT INTO storage_deletions SELECT gen_random_uuid(), 1, NULL, '', berth_now(n) FROM generate_series(1, 2000) AS n;
INSERT INTO gc_links SELECT repository_id, digest, berth_now(1) FROM repository_blobs LIMIT 1000;
INSERT INTO gc_blobs SELECT digest, berth_now(1) FROM blobs LIMIT 1000;
