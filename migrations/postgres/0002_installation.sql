-- What this registry is called, and whether it is on its way somewhere else (`berth move`). One row, always.
--
-- moving_from: its content is being copied here from the registry of that id and is not complete: nobody serves it.
-- moving_storage: where its blobs are copied to meanwhile.
-- moving_to:   the last step of a move from here is under way; the database takes no writes but the mover's.
-- moved_to:    its content went there, and writes do: nobody writes here any more.
-- moved_to_id: what the registry there is called.
CREATE TABLE installation (
  one            integer PRIMARY KEY CHECK (one = 1),
  id             uuid NOT NULL,
  moving_from    uuid,
  moving_storage text,
  moving_to      text,
  moved_to       text,
  moved_to_id    uuid
);
INSERT INTO installation (one, id) VALUES (1, gen_random_uuid());
