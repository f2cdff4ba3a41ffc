-- Takes keys and indexes off the empty tables, and remembers them: loading without is many times faster, and
-- dress.sql proves every row when it puts them on again.
\set ON_ERROR_STOP on
CREATE SCHEMA scale;
CREATE TABLE scale.kept (position int, name text, statement text);

INSERT INTO scale.kept
SELECT CASE contype WHEN 'p' THEN 1 WHEN 'u' THEN 2 ELSE 4 END, conname,
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f')
  AND conrelid <> '_sqlx_migrations'::regclass;

INSERT INTO scale.kept
SELECT 3, indexrelid::regclass::text, pg_get_indexdef(indexrelid)
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = 'public'::regnamespace AND indrelid <> '_sqlx_migrations'::regclass
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid);

SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
FROM pg_constraint JOIN scale.kept ON conname = name
WHERE connamespace = 'public'::regnamespace
ORDER BY position DESC \gexec
SELECT format('DROP INDEX %s', name) FROM scale.kept WHERE position = 3 \gexec
