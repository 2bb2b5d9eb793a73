#!/bin/bash
# First start: makes the cluster, the user and the database named by POSTGRES_USER, POSTGRES_PASSWORD and
# POSTGRES_DB (each also as <NAME>_FILE), then runs /docker-entrypoint-initdb.d. Later starts only start.
# Anything but "postgres" or an option is run as it stands.
set -euo pipefail

scripts=/docker-entrypoint-initdb.d

setting_from_file() {
    local name=$1 file_name=${1}_FILE
    local file=${!file_name:-}
    [ -n "$file" ] || return 0
    if [ -n "${!name:-}" ]; then
        echo "error: set $name or $file_name, not both" >&2
        exit 1
    fi
    export "$name=$(<"$file")"
    unset "$file_name"
}

as_admin() {
    psql --set ON_ERROR_STOP=1 --no-psqlrc --quiet --username "$POSTGRES_USER" "$@"
}

run_script() {
    echo "running $1"
    case "$1" in
        # As in the public image, a script without the executable bit is sourced.
        *.sh) if [ -x "$1" ]; then "$1"; else . "$1"; fi ;;
        *.sql) as_admin --dbname "$POSTGRES_DB" --file "$1" ;;
        *.sql.gz) gunzip --stdout "$1" | as_admin --dbname "$POSTGRES_DB" ;;
        *) echo "left alone: $1" ;;
    esac
}

make_cluster() {
    setting_from_file POSTGRES_USER
    setting_from_file POSTGRES_PASSWORD
    setting_from_file POSTGRES_DB
    setting_from_file POSTGRES_INITDB_ARGS
    export POSTGRES_USER=${POSTGRES_USER:-postgres}
    export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
    local method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
        echo "error: POSTGRES_PASSWORD is empty; set it, or POSTGRES_HOST_AUTH_METHOD=trust for a throw-away server" >&2
        exit 1
    fi
    # The arguments are several words by contract.
    # shellcheck disable=SC2086
    initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-unused}") \
        --auth-local=trust --auth-host="$method" --encoding=UTF8 --locale=C.UTF-8 ${POSTGRES_INITDB_ARGS:-}
    printf 'host all all all %s\nhost replication all all %s\n' "$method" "$method" >>"$PGDATA/pg_hba.conf"
    # The set-up server has no TCP port, so a readiness probe from outside cannot take it for the real one.
    pg_ctl --pgdata="$PGDATA" --wait --silent -o "-c listen_addresses=''" start
    if [ "$POSTGRES_DB" != postgres ]; then
        as_admin --dbname postgres --set name="$POSTGRES_DB" <<<'CREATE DATABASE :"name"'
    fi
    for script in "$scripts"/*; do
        [ -e "$script" ] && run_script "$script"
    done
    pg_ctl --pgdata="$PGDATA" --wait --silent --mode=fast stop
    unset POSTGRES_PASSWORD
    echo "the database cluster is made; starting the server"
}

case "${1:-postgres}" in -*) set -- postgres "$@" ;; esac
[ "${1##*/}" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
    install -d -o postgres -g postgres -m 0700 "$PGDATA"
    find "$PGDATA" \! -user postgres -exec chown postgres:postgres {} +
    exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
fi
[ -s "$PGDATA/PG_VERSION" ] || make_cluster
exec "$@"
