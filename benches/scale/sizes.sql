-- How much there is of what, and how deep its indexes are: rows, MiB, bytes a row, and levels above the leaves.
\set ON_ERROR_STOP on
CREATE EXTENSION IF NOT EXISTS pageinspect;
SELECT relname AS "table", reltuples::bigint AS rows, (pg_table_size(oid) / 1048576.0)::numeric(9, 1) AS mib,
    (pg_table_size(oid) / nullif(reltuples, 0))::int AS bytes_a_row,
    (pg_indexes_size(oid) / 1048576.0)::numeric(9, 1) AS indexes_mib
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_table_size(oid) > 1048576
ORDER BY pg_total_relation_size(oid) DESC;
SELECT tables.relname AS "table", indexes.relname AS index, (pg_relation_size(indexrelid) / 1048576.0)::numeric(9, 1) AS mib,
    (pg_relation_size(indexrelid) / nullif(indexes.reltuples, 0))::int AS bytes_an_entry,
    (SELECT level FROM bt_metap(indexrelid::regclass::text)) AS level
FROM pg_index
JOIN pg_class AS indexes ON indexes.oid = indexrelid
JOIN pg_class AS tables ON tables.oid = indrelid
WHERE tables.relnamespace = 'public'::regnamespace AND pg_relation_size(indexrelid) > 131072
ORDER BY pg_relation_size(indexrelid) DESC;
SELECT pg_size_pretty(pg_database_size(current_database())) AS database;
