-- Runs once, on an empty data folder: the relay's database, owned by a role that is no superuser, and the backup job's role, which
-- may read everything and write nothing.
\set password `cat /run/secrets/postgres_relay_password`
\set backup_password `cat /run/secrets/postgres_backup_password`
CREATE ROLE sealpost LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
CREATE ROLE sealpost_backup LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'backup_password';
ALTER ROLE sealpost_backup SET default_transaction_read_only TO on;
GRANT pg_read_all_data TO sealpost_backup;
CREATE DATABASE sealpost OWNER sealpost ENCODING 'UTF8' TEMPLATE template0;
ALTER DATABASE sealpost SET timezone TO 'UTC';
REVOKE ALL ON DATABASE sealpost FROM PUBLIC;
GRANT CONNECT ON DATABASE sealpost TO sealpost_backup;
