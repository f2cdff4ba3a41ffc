-- What this registry is called, and whether it is on its way somewhere else (`berth move`). One row, always.
--
-- moving_from: its content is being copied here from the registry of that id and is not complete: nobody serves it.
-- moving_storage: where its blobs are copied to meanwhile.
-- moving_to:   the last step of a move from here is under way; writes wait.
-- moved_to:    its content went there, and writes do: nobody serves it from here any more.
-- moved_to_id: what the registry there is called.
CREATE TABLE installation (
  one            INTEGER PRIMARY KEY CHECK (one = 1),
  id             BLOB NOT NULL,
  moving_from    BLOB,
  moving_storage TEXT,
  moving_to      TEXT,
  moved_to       TEXT,
  moved_to_id    BLOB
) STRICT;
INSERT INTO installation (one, id) VALUES (1, randomblob(16));
