-- Creates or updates the role ticketboss_app, with which TicketBoss serves and runs jobs. It reads
-- and writes rows, but cannot create, change, empty or drop a table, nor disable a trigger. So it
-- cannot rewrite the audit log, although the rights on tables do not tell that table apart.
--
-- Run this with psql, in the database, as the role that runs `manage.py migrate`. To create the
-- role, that needs CREATEROLE. PASSWORD_FILE names a file that contains the password, because other
-- users of a machine can read command lines.
\set ON_ERROR_STOP on
\set password `cat "$PASSWORD_FILE"`

SELECT :'password' = '' AS no_password,
    NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ticketboss_app') AS no_role \gset
\if :no_password
    DO $$ BEGIN RAISE EXCEPTION 'PASSWORD_FILE must name a file that contains a password'; END $$;
\endif

BEGIN;
\if :no_role
    CREATE ROLE ticketboss_app LOGIN;
\endif
ALTER ROLE ticketboss_app PASSWORD :'password';

-- In a database from before PostgreSQL 15, every role can create tables in this schema.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec

GRANT USAGE ON SCHEMA public TO ticketboss_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ticketboss_app;
-- UPDATE, because `manage.py loaddata` moves a sequence past the ids that it has loaded.
GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO ticketboss_app;
-- The same for tables and sequences of later migrations.
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ticketboss_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT USAGE, UPDATE ON SEQUENCES TO ticketboss_app;
COMMIT;
