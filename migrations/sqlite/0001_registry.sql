-- The registry on SQLite. The same tables and the same steps as on PostgreSQL, in SQLite's own SQL.
--
-- Digests are blobs: one byte for the algorithm (1 sha256, 2 sha512), then the hash. Times are milliseconds since
-- the Unix epoch and always come in as a parameter. Tables whose rows are small and looked up by one key are
-- WITHOUT ROWID, so that a write touches one page for the row instead of one for the row and one for its key.
--
-- What keeps a pulled image whole are the foreign keys, not the code: a manifest's reference (manifest_blobs.linked)
-- holds the repository's link, which holds the namespace's, which holds the blob and with it the key of its bytes.
-- Nothing that is still held can be deleted, whoever tries.

-- "BRTH": lets `file` and a second program tell whose database this is.
PRAGMA application_id = 0x42525448;

-- A namespace is the first element of repository names. Quota is its affair.
CREATE TABLE namespaces (
  id   INTEGER PRIMARY KEY,
  name TEXT COLLATE BINARY NOT NULL UNIQUE
) STRICT;

-- Bytes charged to a namespace: the sum over its shards. An engine with several writers spreads its charges over
-- shards so that they do not wait for each other; this one has a single writer and uses shard 0.
CREATE TABLE namespace_usage (
  namespace_id INTEGER NOT NULL REFERENCES namespaces,
  shard        INTEGER NOT NULL,
  bytes        INTEGER NOT NULL,
  PRIMARY KEY (namespace_id, shard)
) STRICT, WITHOUT ROWID;

CREATE TABLE repositories (
  id           INTEGER PRIMARY KEY,
  namespace_id INTEGER NOT NULL REFERENCES namespaces,
  path         TEXT COLLATE BINARY NOT NULL,
  deleted_at   INTEGER
) STRICT;
-- Unique among the living: the name of a deleted repository can be used again.
CREATE UNIQUE INDEX repositories_path ON repositories (path) WHERE deleted_at IS NULL;

-- Blobs by content. The key under which the bytes lie is random and never used twice, so that deleting an object
-- cannot meet a new upload of the same content.
CREATE TABLE blobs (
  digest      BLOB NOT NULL PRIMARY KEY,
  size        INTEGER NOT NULL,
  storage_key BLOB NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

-- What a namespace is charged for. The key decides that a blob is charged once, however many repositories share it.
CREATE TABLE namespace_blobs (
  namespace_id INTEGER NOT NULL REFERENCES namespaces,
  digest       BLOB NOT NULL REFERENCES blobs ON DELETE RESTRICT,
  size         INTEGER NOT NULL,
  PRIMARY KEY (namespace_id, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX namespace_blobs_digest ON namespace_blobs (digest);

-- A blob is visible in a repository if, and only if, it has a row here. expires_at is the lease of a blob no manifest
-- names yet: without one (NULL) the link stays as long as a manifest names it.
CREATE TABLE repository_blobs (
  repository_id INTEGER NOT NULL REFERENCES repositories,
  digest        BLOB NOT NULL,
  namespace_id  INTEGER NOT NULL,
  size          INTEGER NOT NULL,
  expires_at    INTEGER,
  deleted_at    INTEGER,
  PRIMARY KEY (repository_id, digest),
  FOREIGN KEY (namespace_id, digest) REFERENCES namespace_blobs ON DELETE RESTRICT
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_blobs_namespace ON repository_blobs (namespace_id, digest);
-- Leases of pushes that never got a manifest: nothing else finds them.
CREATE INDEX repository_blobs_expires ON repository_blobs (expires_at) WHERE expires_at IS NOT NULL;

-- Manifests, byte for byte. Ids grow with each push, which is the order of the referrers list. The payload comes
-- last, so that reading the other columns never follows its overflow pages.
CREATE TABLE manifests (
  id             INTEGER PRIMARY KEY,
  repository_id  INTEGER NOT NULL REFERENCES repositories,
  digest         BLOB NOT NULL,
  media_type     TEXT NOT NULL,
  size           INTEGER NOT NULL,
  pushed_at      INTEGER NOT NULL,
  deleted_at     INTEGER,
  artifact_type  TEXT COLLATE NOCASE,  -- as RFC 6838 compares media types
  subject_digest BLOB,
  annotations    TEXT,            -- a JSON object; kept only for manifests with a subject, whose list shows it
  payload        BLOB NOT NULL,
  UNIQUE (repository_id, digest)
) STRICT;
-- The referrers list, whole and by artifact type: each page is one range of one of these.
CREATE INDEX manifests_subject ON manifests (repository_id, subject_digest, id)
  WHERE subject_digest IS NOT NULL;
CREATE INDEX manifests_subject_type ON manifests (repository_id, subject_digest, artifact_type, id)
  WHERE subject_digest IS NOT NULL;

-- The blobs a manifest names. linked equals digest and holds the repository's link, or is NULL while the blob is not
-- there: a sparse image, a foreign layer, a child of an index that nobody pushed. Whatever links the blob later
-- fills it in.
CREATE TABLE manifest_blobs (
  manifest_id   INTEGER NOT NULL REFERENCES manifests ON DELETE CASCADE,
  digest        BLOB NOT NULL,
  repository_id INTEGER NOT NULL,
  kind          INTEGER NOT NULL,  -- 0 config, 1 layer, 2 layer that may not be distributed, 3 child of an index
  linked        BLOB,
  PRIMARY KEY (manifest_id, digest),
  FOREIGN KEY (repository_id, linked) REFERENCES repository_blobs (repository_id, digest) ON DELETE RESTRICT,
  CHECK (linked IS NULL OR linked = digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_blobs_linked ON manifest_blobs (repository_id, linked) WHERE linked IS NOT NULL;
CREATE INDEX manifest_blobs_waiting ON manifest_blobs (repository_id, digest) WHERE linked IS NULL;

-- The manifests an index contains. A child that was never pushed has a waiting row in manifest_blobs instead.
CREATE TABLE manifest_children (
  parent_id INTEGER NOT NULL REFERENCES manifests ON DELETE CASCADE,
  child_id  INTEGER NOT NULL REFERENCES manifests ON DELETE RESTRICT,
  PRIMARY KEY (parent_id, child_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_children_child ON manifest_children (child_id);

-- version counts the writes to a tag, so that a follower can tell an older from a newer one.
CREATE TABLE tags (
  repository_id INTEGER NOT NULL REFERENCES repositories,
  name          TEXT COLLATE BINARY NOT NULL,
  manifest_id   INTEGER NOT NULL REFERENCES manifests ON DELETE RESTRICT,
  version       INTEGER NOT NULL,
  PRIMARY KEY (repository_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_manifest ON tags (manifest_id);

-- Upload sessions. fence counts the holders: a step that names an older fence changes nothing. committed and
-- hash_state move together, and only over bytes that are durable.
CREATE TABLE uploads (
  id            BLOB NOT NULL PRIMARY KEY,
  repository_id INTEGER NOT NULL REFERENCES repositories,
  state         INTEGER NOT NULL,  -- 0 open, 1 finalizing, 9 done
  fence         INTEGER NOT NULL,
  lease_until   INTEGER,           -- NULL: nobody holds it
  committed     INTEGER NOT NULL,
  algorithm     INTEGER NOT NULL,  -- as the first byte of a digest
  hash_state    BLOB,
  storage_key   BLOB NOT NULL,
  digest        BLOB,              -- from finalizing on
  size          INTEGER,           -- from finalizing on
  expires_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Counts the open ones and finds those nobody touched.
CREATE INDEX uploads_state ON uploads (state, expires_at);

-- Links that lost a manifest, and blobs that lost a link: whether they can go is for garbage collection to judge.
CREATE TABLE gc_links (
  repository_id INTEGER NOT NULL,
  digest        BLOB NOT NULL,
  due           INTEGER NOT NULL,
  PRIMARY KEY (repository_id, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE gc_blobs (
  digest BLOB NOT NULL PRIMARY KEY,
  due    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Objects nothing names any more. They are deleted from storage only after the transaction that wrote this row, and
-- only after not_before, when late writers and readers are gone.
CREATE TABLE storage_deletions (
  storage_key BLOB NOT NULL PRIMARY KEY,
  not_before  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX storage_deletions_not_before ON storage_deletions (not_before);
