-- A registry of :percent percent of 10 million blobs, 1 million tags and 100,000 repositories. Whatever is there
-- has a number, and everything follows from it, so that the program that measures knows what to ask for:
--
--   repository r    in namespace r / 20; the last 5 % have no manifests
--   image i         in repository i % peopled; a config and 5 layers of its own (blobs 6 i to 6 i + 5), and one base layer
--   base layer m    after the images' own blobs; a namespace shares ten, and each of its repositories links them
--   tag t           names image t; repository 0 has 1,000 tags more, for whole pages
--   index x         two images of its repository, and a child that nobody pushed
--   signature f     refers to image f; 200 of them to image 0, for whole pages
--
-- Digests are hashes of these numbers, so their order is that of chance, as in life. Rows of a repository lie
-- scattered over the tables, as they do after years of pushes; those of an image lie together.
--
-- Run bare.sql before, and dress.sql afterwards.
\set ON_ERROR_STOP on
\timing on
SELECT 1000 * :percent AS repositories, 950 * :percent AS peopled, 16650 * :percent AS images, 100 * :percent AS bases,
    10000 * :percent - 1000 AS tags, 1000 * :percent AS indexes, 1000 * :percent AS signatures \gset

-- Tables that were emptied in the same transaction need no log, where wal_level is minimal.
BEGIN;
TRUNCATE namespaces, repositories, blobs, namespace_usage, namespace_blobs, repository_blobs, manifests, manifest_blobs,
    manifest_children, tags, uploads, upload_parts, gc_links, gc_blobs, storage_deletions;

CREATE FUNCTION scale.digest(kind text, number bigint) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN '\x01'::bytea || sha256((kind || ' ' || number)::bytea);
-- Configs of some KiB, layers of up to 50 MB.
CREATE FUNCTION scale.size(number bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN CASE number % 6 WHEN 0 THEN 2000 + number % 5000 ELSE 1000000 + number * 7919 % 50000000 END;
-- As the store names objects: a moment, chance, and a fence.
CREATE FUNCTION scale.object(number bigint) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN int8send(number + 1700000000000 * 65536) || substr(sha256(int8send(number)), 1, 8);
CREATE FUNCTION scale.descriptor(media_type text, number bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN '{"mediaType":"' || media_type || '","digest":"sha256:'
    || encode(sha256(('blob ' || number)::bytea), 'hex') || '","size":' || scale.size(number) || '}';
-- The base layers of a namespace.
CREATE FUNCTION scale.base(namespace bigint, k bigint, images bigint, bases bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
  PARALLEL SAFE RETURN 6 * images + (namespace * 13 + k) % bases;

INSERT INTO namespaces (id, name) OVERRIDING SYSTEM VALUE
SELECT n + 1, 'team-' || n FROM generate_series(0::bigint, (:repositories - 1) / 20) AS n;
INSERT INTO namespace_usage SELECT id, shard, 1000000000 FROM namespaces, generate_series(0, 15) AS shard;
INSERT INTO repositories (id, namespace_id, path) OVERRIDING SYSTEM VALUE
SELECT r + 1, r / 20 + 1, 'team-' || r / 20 || '/service-' || r FROM generate_series(0::bigint, :repositories - 1) AS r;

INSERT INTO blobs (digest, size, storage_key)
SELECT scale.digest('blob', b), scale.size(b), scale.object(b) || int8send(1)
FROM generate_series(0::bigint, 6 * :images + :bases - 1) AS b;

INSERT INTO namespace_blobs (namespace_id, digest, size)
SELECT b / 6 % :peopled / 20 + 1, scale.digest('blob', b), scale.size(b)
FROM generate_series(0::bigint, 6 * :images - 1) AS b;
INSERT INTO namespace_blobs (namespace_id, digest, size)
SELECT n + 1, scale.digest('blob', base), scale.size(base)
FROM generate_series(0::bigint, (:peopled - 1) / 20) AS n, generate_series(0::bigint, 9) AS k,
    scale.base(n, k, :images, :bases) AS base;

-- One in a hundred was pushed lately, and its lease is still there.
INSERT INTO repository_blobs (repository_id, digest, namespace_id, size, expires_at)
SELECT b / 6 % :peopled + 1, scale.digest('blob', b), b / 6 % :peopled / 20 + 1, scale.size(b),
    CASE WHEN b % 100 = 0 THEN berth_now(NULL) + interval '6 days' + b * interval '1 millisecond' END
FROM generate_series(0::bigint, 6 * :images - 1) AS b;
INSERT INTO repository_blobs (repository_id, digest, namespace_id, size)
SELECT r + 1, scale.digest('blob', base), r / 20 + 1, scale.size(base)
FROM generate_series(0::bigint, :peopled - 1) AS r, generate_series(0::bigint, 9) AS k,
    scale.base(r / 20, k, :images, :bases) AS base;

INSERT INTO manifests (id, repository_id, digest, media_type, size, pushed_at, payload) OVERRIDING SYSTEM VALUE
SELECT i + 1, i % :peopled + 1, scale.digest('image', i), 'application/vnd.oci.image.manifest.v1+json',
    octet_length(payload), berth_now(NULL), payload::bytea
FROM generate_series(0::bigint, :images - 1) AS i, LATERAL (
    SELECT '{"schemaVersion":2,"config":' || scale.descriptor('application/vnd.oci.image.config.v1+json', 6 * i)
        || ',"layers":[' || scale.descriptor('application/vnd.oci.image.layer.v1.tar+gzip', 6 * i + 1)
        || ',' || scale.descriptor('application/vnd.oci.image.layer.v1.tar+gzip', 6 * i + 2)
        || ',' || scale.descriptor('application/vnd.oci.image.layer.v1.tar+gzip', 6 * i + 3) || ']}'
) AS written (payload);
INSERT INTO manifests (id, repository_id, digest, media_type, size, pushed_at, payload) OVERRIDING SYSTEM VALUE
SELECT :images + x + 1, x % :peopled + 1, scale.digest('index', x), 'application/vnd.oci.image.index.v1+json',
    700, berth_now(NULL), ('{"manifests":[' || repeat(x || ' ', 600 / (length(x::text) + 1)) || ']}')::bytea
FROM generate_series(0::bigint, :indexes - 1) AS x;
INSERT INTO manifests (
    id, repository_id, digest, media_type, size, pushed_at, artifact_type, subject_digest, annotations, payload
) OVERRIDING SYSTEM VALUE
SELECT :images + :indexes + f + 1, subject % :peopled + 1, scale.digest('signature', f),
    'application/vnd.oci.image.manifest.v1+json', 700, berth_now(NULL), 'application/vnd.dev.sigstore.bundle.v0.3+json',
    scale.digest('image', subject),
    '{"dev.sigstore.bundle.content":"dsse-envelope","org.opencontainers.image.created":"2026-01-01T00:00:00Z"}',
    ('{"layers":[' || repeat(f || ' ', 600 / (length(f::text) + 1)) || ']}')::bytea
FROM generate_series(0::bigint, :signatures - 1) AS f, LATERAL (SELECT CASE WHEN f < 200 THEN 0 ELSE f END) AS to_ (subject);

INSERT INTO manifest_blobs (manifest_id, digest, repository_id, kind, linked)
SELECT i + 1, digest, i % :peopled + 1, CASE WHEN part = 0 THEN 0 ELSE 1 END, digest
FROM generate_series(0::bigint, 7 * :images - 1) AS n, LATERAL (SELECT n / 7, n % 7) AS at (i, part), LATERAL (
    SELECT scale.digest('blob', CASE WHEN part < 6 THEN 6 * i + part
        ELSE scale.base(i % :peopled / 20, i / :peopled % 10, :images, :bases) END)
) AS named (digest);
INSERT INTO manifest_blobs (manifest_id, digest, repository_id, kind, linked)
SELECT :images + :indexes + f + 1, digest, subject % :peopled + 1, 1, digest
FROM generate_series(0::bigint, :signatures - 1) AS f,
    LATERAL (SELECT CASE WHEN f < 200 THEN 0 ELSE f END) AS to_ (subject),
    LATERAL (SELECT scale.digest('blob', scale.base(subject % :peopled / 20, 0, :images, :bases))) AS named (digest);
INSERT INTO manifest_blobs (manifest_id, digest, repository_id, kind)
SELECT :images + x + 1, scale.digest('absent', x), x % :peopled + 1, 3 FROM generate_series(0::bigint, :indexes - 1) AS x;

INSERT INTO manifest_children (parent_id, child_id)
SELECT :images + x + 1, x % :peopled + (x / :peopled * 2 + child) * :peopled + 1
FROM generate_series(0::bigint, :indexes - 1) AS x, generate_series(0, 1) AS child;

INSERT INTO tags (repository_id, name, manifest_id, version)
SELECT t % :peopled + 1, 'v' || t / :peopled, t + 1, 1 FROM generate_series(0::bigint, :tags - 1) AS t;
INSERT INTO tags (repository_id, name, manifest_id, version)
SELECT 1, 'build-' || lpad(t::text, 5, '0'), 1, 1 FROM generate_series(0, 999) AS t;

-- Sessions and queues. What grows with the registry is what is not due; what is due is the same, as a backlog is a matter of
-- minutes.
INSERT INTO uploads (id, repository_id, object, state, fence, committed, algorithm, expires_at)
SELECT gen_random_uuid(), u % :peopled + 1, encode(scale.object(u), 'hex')::uuid, CASE WHEN u % 6 = 0 THEN 0 ELSE 9 END, 1, 0, 1,
    berth_now(NULL) + CASE WHEN u >= 1000 * :percent THEN interval '-1 hour' ELSE interval '1 day' END + u * interval '1 ms'
FROM generate_series(0::bigint, 1000 * :percent + 29999) AS u;
INSERT INTO storage_deletions (object, fence, state, not_before)
SELECT encode(scale.object(-u), 'hex')::uuid, 1, '',
    berth_now(NULL) + CASE WHEN u > 1000 * :percent THEN interval '-1 hour' ELSE interval '1 day' END + u * interval '1 ms'
FROM generate_series(1::bigint, 1000 * :percent + 10000) AS u;
INSERT INTO gc_links (repository_id, digest, due)
SELECT b / 6 % :peopled + 1, scale.digest('blob', b), berth_now(NULL)
FROM generate_series(0::bigint, 6 * :images - 1, 50) AS b;
INSERT INTO gc_blobs (digest, due)
SELECT scale.digest('gone', b), berth_now(NULL) FROM generate_series(0::bigint, 500 * :percent - 1) AS b;

SELECT setval(pg_get_serial_sequence('namespaces', 'id'), max(id)) FROM namespaces;
SELECT setval(pg_get_serial_sequence('repositories', 'id'), max(id)) FROM repositories;
SELECT setval(pg_get_serial_sequence('manifests', 'id'), max(id)) FROM manifests;
COMMIT;
