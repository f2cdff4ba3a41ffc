-- What upkeep takes at this size: a vacuum after changes here and there, an index built anew beside its users, and how full
-- indexes over digests stay that grew by chance instead of being built at once.
\set ON_ERROR_STOP on
\timing on
UPDATE repository_blobs SET expires_at = NULL WHERE expires_at IS NOT NULL;
VACUUM (VERBOSE) repository_blobs;
REINDEX INDEX CONCURRENTLY repository_blobs_pkey;
ANALYZE manifest_blobs;
\timing off

CREATE TABLE grown (LIKE repository_blobs INCLUDING INDEXES);
INSERT INTO grown SELECT * FROM repository_blobs LIMIT 500000;
CREATE TABLE built (LIKE repository_blobs);
INSERT INTO built SELECT * FROM grown;
ALTER TABLE built ADD PRIMARY KEY (repository_id, digest);
SELECT pg_relation_size('grown_pkey') / pg_relation_size('built_pkey')::numeric(20, 2) AS grown_to_built;
DROP TABLE grown, built;
