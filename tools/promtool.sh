#!/bin/bash
# Prints the path of promtool, the checker of Prometheus's own rules and configuration.
# Looked for in $PROMTOOL, on the PATH and in .data; else, as root on Debian or Ubuntu, taken out of the distribution's
# package into .data. Nothing is installed and no daemon is started. Exit codes: 0 found, 3 none to be had (the last
# line says why and what to do).
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.data/promtool
unpacked=$folder/usr/bin/promtool

none() { printf 'promtool: none here: %s\n' "$*" >&2; exit 3; }
found() { printf '%s\n' "$1"; exit 0; }

if [ -n "${PROMTOOL:-}" ]; then
    [ -x "$PROMTOOL" ] || none "PROMTOOL=$PROMTOOL is no program; correct it or unset it"
    found "$PROMTOOL"
fi
if path=$(command -v promtool); then found "$path"; fi
[ ! -x "$unpacked" ] || found "$unpacked"

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    none "install Debian's package prometheus, or set PROMTOOL to a promtool of your own"
fi

mkdir -p "$folder"
exec 9>"$folder/lock"
flock --timeout 180 9 || none "another run of this script has held $folder/lock for 3 minutes"
[ ! -x "$unpacked" ] || found "$unpacked"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
download() { timeout 120 apt-get download prometheus >"$folder/apt.log" 2>&1 </dev/null; }
# A machine that has never read its package lists knows no package yet.
download || { timeout 120 apt-get update >"$folder/apt.log" 2>&1 </dev/null && download; } ||
    none "apt-get cannot fetch the package prometheus ($folder/apt.log); set PROMTOOL to a promtool of your own"
dpkg --fsys-tarfile prometheus_*.deb | tar --extract --directory "$folder" ./usr/bin/promtool
found "$unpacked"
