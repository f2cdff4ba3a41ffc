-- What a blob store has to remember of an upload session besides its bytes: its own note, and the parts of an object
-- that is put together when it is published. They are recorded in the transaction that records the offset. A store
-- that keeps a session in one file has nothing to remember.
ALTER TABLE uploads ADD COLUMN object_state BLOB NOT NULL DEFAULT x'';

CREATE TABLE upload_parts (
  upload_id BLOB NOT NULL REFERENCES uploads ON DELETE CASCADE,
  number    INTEGER NOT NULL,
  size      INTEGER NOT NULL,
  tag       TEXT NOT NULL,
  PRIMARY KEY (upload_id, number)
) STRICT, WITHOUT ROWID;

-- A tombstone is for whatever a session left: an object of each of its holders, up to the last fence, but for the one
-- that was published (keep). storage_key is the session's; that of a blob may have the fence behind it.
ALTER TABLE storage_deletions ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
ALTER TABLE storage_deletions ADD COLUMN keep INTEGER;
ALTER TABLE storage_deletions ADD COLUMN state BLOB NOT NULL DEFAULT x'';
