#!/bin/sh
# Does for tests what the published image's entry point does with the variables that deploy/compose.yml sets: makes the data
# folder, starts a server that only this script can reach, runs /docker-entrypoint-initdb.d/*.sql, then starts the real one.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    chmod 0700 "$PGDATA"
    # shellcheck disable=SC2086 # a list of options
    initdb -D "$PGDATA" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" ${POSTGRES_INITDB_ARGS:-} >/dev/null
    pg_ctl -D "$PGDATA" -o "-c listen_addresses= -c unix_socket_directories=/tmp" -w start >/dev/null
    PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    export PGPASSWORD
    for file in /docker-entrypoint-initdb.d/*.sql; do
        psql -qX -v ON_ERROR_STOP=1 --host=/tmp --username="$POSTGRES_USER" --dbname=postgres --file="$file"
    done
    unset PGPASSWORD
    pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
fi
# Debian's default is loopback alone; the published image listens everywhere.
exec "$@" -c "listen_addresses=*"
