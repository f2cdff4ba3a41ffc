-- The registry on PostgreSQL 15 and later. The same tables and the same steps as on SQLite, in PostgreSQL's own SQL.
--
-- Digests are bytea: one byte for the algorithm (1 sha256, 2 sha512), then the hash. Names are compared byte by byte
-- (COLLATE "C"), so that lists are in the same order on every server.
--
-- What keeps a pulled image whole are the foreign keys, not the code: a manifest's reference (manifest_blobs.linked)
-- holds the repository's link, which holds the namespace's, which holds the blob and with it the key of its bytes.
-- Nothing that is still held can be deleted, whoever tries, and however many do so at once.
--
-- There are no partitions: they would forbid that a storage key is unique, and make each look-up many times slower.

-- What time it is: by the clock of this server, which all processes share, or the given moment in milliseconds since
-- the Unix epoch, by which tests move time. now() is written nowhere else.
CREATE FUNCTION berth_now(at bigint) RETURNS timestamptz
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN coalesce('epoch'::timestamptz + at * interval '1 millisecond', now());

-- A namespace is the first element of repository names. Quota is its affair.
CREATE TABLE namespaces (
  id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE
);

-- Bytes charged to a namespace: the sum over its shards, of which there are 16. The digest tells the shard of a charge, so
-- that pushes of different blobs seldom wait for the same row.
CREATE TABLE namespace_usage (
  namespace_id bigint NOT NULL REFERENCES namespaces,
  shard        smallint NOT NULL,
  bytes        bigint NOT NULL,
  PRIMARY KEY (namespace_id, shard)
);

CREATE TABLE repositories (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  namespace_id bigint NOT NULL REFERENCES namespaces,
  path         text COLLATE "C" NOT NULL,
  deleted_at   timestamptz
);
-- Unique among the living: the name of a deleted repository can be used again.
CREATE UNIQUE INDEX repositories_path ON repositories (path) WHERE deleted_at IS NULL;

-- Blobs by content. The key under which the bytes lie is random and never used twice, so that deleting an object
-- cannot meet a new upload of the same content.
CREATE TABLE blobs (
  digest      bytea NOT NULL PRIMARY KEY,
  size        bigint NOT NULL,
  storage_key bytea NOT NULL UNIQUE  -- 16 bytes of a session's object, and 8 of a fence where the store needs them
);

-- What a namespace is charged for. The key decides that a blob is charged once, however many repositories share it.
CREATE TABLE namespace_blobs (
  namespace_id bigint NOT NULL REFERENCES namespaces,
  digest       bytea NOT NULL REFERENCES blobs ON DELETE RESTRICT,
  size         bigint NOT NULL,
  PRIMARY KEY (namespace_id, digest)
);
-- The namespaces that hold a blob; with both columns, it tells as well as the key whether one of them does.
CREATE INDEX namespace_blobs_digest ON namespace_blobs (digest, namespace_id);

-- A blob is visible in a repository if, and only if, it has a row here. expires_at is the lease of a blob no manifest
-- names yet: without one (NULL) the link stays as long as a manifest names it. A lease may stay behind on a link that a
-- manifest came to hold while the lease was given: whether a manifest holds it is told by manifest_blobs alone.
CREATE TABLE repository_blobs (
  repository_id bigint NOT NULL REFERENCES repositories,
  digest        bytea NOT NULL,
  namespace_id  bigint NOT NULL,
  size          bigint NOT NULL,
  expires_at    timestamptz,
  deleted_at    timestamptz,
  PRIMARY KEY (repository_id, digest),
  FOREIGN KEY (namespace_id, digest) REFERENCES namespace_blobs ON DELETE RESTRICT
);
CREATE INDEX repository_blobs_namespace ON repository_blobs (namespace_id, digest);
-- Leases of pushes that never got a manifest: nothing else finds them.
CREATE INDEX repository_blobs_expires ON repository_blobs (expires_at) WHERE expires_at IS NOT NULL;

-- Manifests, byte for byte. Ids grow with each push, which is the order of the referrers list.
CREATE TABLE manifests (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  repository_id  bigint NOT NULL REFERENCES repositories,
  digest         bytea NOT NULL,
  media_type     text NOT NULL,
  size           bigint NOT NULL,
  pushed_at      timestamptz NOT NULL,
  deleted_at     timestamptz,
  artifact_type  text COLLATE "C",  -- compared without regard to case, as RFC 6838 does
  subject_digest bytea,
  annotations    text,              -- a JSON object; kept only for manifests with a subject, whose list shows it
  payload        bytea NOT NULL,
  UNIQUE (repository_id, digest)
);
-- The referrers list, whole and by artifact type: each page is one range of one of these.
CREATE INDEX manifests_subject ON manifests (repository_id, subject_digest, id)
  WHERE subject_digest IS NOT NULL;
CREATE INDEX manifests_subject_type ON manifests (repository_id, subject_digest, lower(artifact_type), id)
  WHERE subject_digest IS NOT NULL;

-- The blobs a manifest names. linked equals digest and holds the repository's link, or is NULL while the blob is not
-- there: a sparse image, a foreign layer, a child of an index that nobody pushed. Whatever links the blob later
-- fills it in.
--
-- Two pushes at once do not see each other: of a manifest and of a blob it names, or of an index and its child. Both
-- succeed, and may leave a row that waits although what it waits for is there. Such a row counts as one that was
-- filled in, to whoever asks whether the blob or the child may go.
CREATE TABLE manifest_blobs (
  manifest_id   bigint NOT NULL REFERENCES manifests ON DELETE CASCADE,
  digest        bytea NOT NULL,
  repository_id bigint NOT NULL,
  kind          smallint NOT NULL,  -- 0 config, 1 layer, 2 layer that may not be distributed, 3 child of an index
  linked        bytea,
  PRIMARY KEY (manifest_id, digest),
  FOREIGN KEY (repository_id, linked) REFERENCES repository_blobs (repository_id, digest) ON DELETE RESTRICT,
  CHECK (linked IS NULL OR linked = digest)
);
CREATE INDEX manifest_blobs_linked ON manifest_blobs (repository_id, linked) WHERE linked IS NOT NULL;
CREATE INDEX manifest_blobs_waiting ON manifest_blobs (repository_id, digest) WHERE linked IS NULL;

-- The manifests an index contains. A child that was never pushed has a waiting row in manifest_blobs instead.
CREATE TABLE manifest_children (
  parent_id bigint NOT NULL REFERENCES manifests ON DELETE CASCADE,
  child_id  bigint NOT NULL REFERENCES manifests ON DELETE RESTRICT,
  PRIMARY KEY (parent_id, child_id)
);
CREATE INDEX manifest_children_child ON manifest_children (child_id);

-- version counts the writes to a tag since it was created, with 1: who writes it can tell a tag that is new from one that
-- was there. One that is deleted and created again starts anew.
CREATE TABLE tags (
  repository_id bigint NOT NULL REFERENCES repositories,
  name          text COLLATE "C" NOT NULL,
  manifest_id   bigint NOT NULL REFERENCES manifests ON DELETE RESTRICT,
  version       bigint NOT NULL,
  PRIMARY KEY (repository_id, name)
);
CREATE INDEX tags_manifest ON tags (manifest_id);

-- Upload sessions. fence counts the holders: a step that names an older fence changes nothing. committed, hash_state,
-- object_state and upload_parts move together, and only over bytes that are durable.
CREATE TABLE uploads (
  id            uuid NOT NULL PRIMARY KEY,
  repository_id bigint NOT NULL REFERENCES repositories,
  object        uuid NOT NULL UNIQUE,         -- the session as the blob store knows it
  state         smallint NOT NULL,            -- 0 open, 1 finalizing, 9 done
  fence         bigint NOT NULL,
  lease_until   timestamptz,                  -- NULL: nobody holds it
  committed     bigint NOT NULL,
  algorithm     smallint NOT NULL,            -- as the first byte of a digest
  hash_state    bytea,
  object_state  bytea NOT NULL DEFAULT '',    -- what the blob store remembers of it, for that store alone to read
  digest        bytea,                        -- from finalizing on
  size          bigint,                       -- from finalizing on
  expires_at    timestamptz NOT NULL
);
-- Counts the open ones and finds those nobody touched.
CREATE INDEX uploads_state ON uploads (state, expires_at);

-- Parts of an object that the blob store puts together when it is published.
CREATE TABLE upload_parts (
  upload_id uuid NOT NULL REFERENCES uploads ON DELETE CASCADE,
  number    integer NOT NULL,
  tag       text NOT NULL,
  size      bigint NOT NULL,
  PRIMARY KEY (upload_id, number)
);

-- Links that lost a manifest, and blobs that lost a link: whether they can go is for garbage collection to judge.
CREATE TABLE gc_links (
  repository_id bigint NOT NULL,
  digest        bytea NOT NULL,
  due           timestamptz NOT NULL,
  PRIMARY KEY (repository_id, digest)
);
CREATE TABLE gc_blobs (
  digest bytea NOT NULL PRIMARY KEY,
  due    timestamptz NOT NULL
);

-- What sessions left in the blob store and nothing names any more. It is deleted there only after the transaction that
-- wrote this row, and only after not_before, when late writers and readers are gone.
CREATE TABLE storage_deletions (
  object     uuid NOT NULL PRIMARY KEY,  -- as in uploads
  fence      bigint NOT NULL,            -- the last holder's: each up to it may have left something
  keep       bigint,                     -- the holder whose object was published and stays
  state      bytea NOT NULL,             -- uploads.object_state, at the end
  not_before timestamptz NOT NULL
);
CREATE INDEX storage_deletions_not_before ON storage_deletions (not_before);
