#!/bin/bash
# Prints the root file system of a slim Debian as a tar archive on standard output.
# Usage: bootstrap.sh <suite> <mirror>. Needs root and debootstrap; progress goes to standard error.
set -euo pipefail

suite=${1:?suite, for example trixie}
mirror=${2:?mirror, for example http://deb.debian.org/debian}

scratch=$(mktemp -d)
trap 'rm -rf --one-file-system "$scratch"' EXIT
root=$scratch/root

debootstrap --variant=minbase "$suite" "$root" "$mirror" >&2

# Packages start no daemon while an image is built: the answer "forbidden by policy" is 101.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"

cat >"$root/etc/dpkg/dpkg.cfg.d/slim" <<'RULES'
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
RULES

# Licences stay (…/copyright), everything else that only a person at a terminal would read goes.
find "$root/usr/share/doc" -type f ! -name copyright -delete
find "$root/usr/share/doc" -type l -delete
find "$root/usr/share/doc" -mindepth 1 -type d -empty -delete
rm -rf "$root"/usr/share/{man,info,locale}/* "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* \
    "$root"/var/log/*.log "$root"/var/log/apt "$root"/etc/machine-id
: >"$root/etc/machine-id"
: >"$root/etc/resolv.conf"
rm -f "$root/etc/hostname"

tar --create --numeric-owner --one-file-system --directory "$root" .
