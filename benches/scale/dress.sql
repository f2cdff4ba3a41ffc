-- Puts keys and indexes on again, keys before those that refer to them, and tidies up. Foreign keys are proven for every row.
\set ON_ERROR_STOP on
\timing on
SELECT statement FROM scale.kept ORDER BY position, name \gexec
DROP SCHEMA scale CASCADE;
VACUUM (FREEZE, ANALYZE);
CHECKPOINT;
