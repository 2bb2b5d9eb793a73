#!/bin/bash
# The broker itself reads RABBITMQ_DEFAULT_USER, RABBITMQ_DEFAULT_PASS and RABBITMQ_DEFAULT_VHOST at its first boot.
# This script owns the Erlang cookie: it must exist, with the broker as owner, before any command line tool runs.
# A tool started first by "docker exec" would write a cookie of root's, which the broker cannot read, and it dies.
set -euo pipefail

home=/var/lib/rabbitmq
cookie=$home/.erlang.cookie

write_cookie() {
    # Written aside and moved, so that nobody ever reads half a cookie.
    (umask 0377 && rm -f "$cookie.new" && printf '%s' "$1" >"$cookie.new")
    mv -f "$cookie.new" "$cookie"
}

settle_cookie() {
    if [ -n "${RABBITMQ_ERLANG_COOKIE:-}" ]; then
        write_cookie "$RABBITMQ_ERLANG_COOKIE"
    elif [ ! -s "$cookie" ]; then
        write_cookie "$(head --bytes=24 /dev/urandom | base64 | tr -d '/+=\n')"
    fi
    unset RABBITMQ_ERLANG_COOKIE
    [ "$(id -u)" != 0 ] || chown rabbitmq:rabbitmq "$cookie"
}

# Public images call the tools in any of these two spellings.
case "${1:-}" in rabbitmq* | */rabbitmq*) ;; *) exec "$@" ;; esac

settle_cookie
if [ "$(id -u)" = 0 ]; then
    find "$home" \! -user rabbitmq -exec chown rabbitmq:rabbitmq {} +
    exec setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups -- "$@"
fi
exec "$@"
