-- Runs once, on an empty data folder: the relay's database, owned by a role that is no superuser.
\set password `cat /run/secrets/postgres_relay_password`
CREATE ROLE sealpost LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
CREATE DATABASE sealpost OWNER sealpost ENCODING 'UTF8' TEMPLATE template0;
ALTER DATABASE sealpost SET timezone TO 'UTC';
REVOKE ALL ON DATABASE sealpost FROM PUBLIC;
