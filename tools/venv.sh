#!/bin/sh
# Makes .venv hold exactly what a lock says, hashes checked. Usage: tools/venv.sh runtime|dev
# A stamp with the lock's checksum makes every later call instant. PYTHON names an interpreter of your choice.
set -eu

cd "$(dirname "$0")/.."
wanted=${1:?runtime or dev}
lock=requirements/$wanted.txt

fail() {
    printf 'venv: %s\n' "$*" >&2
    exit 1
}

# The dev lock holds everything the runtime lock holds, so its stamp serves for both.
stamped() {
    for kind in "$wanted" dev; do
        stamp=.venv/.locked-$kind
        if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(cat requirements/runtime.txt "requirements/$kind.txt" | cksum)" ]; then
            return 0
        fi
    done
    return 1
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for name in ${PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
        if command -v "$name" >/dev/null 2>&1 && new_enough "$name"; then
            echo "$name"
            return 0
        fi
    done
    return 1
}

if [ -x .venv/bin/python ] && new_enough .venv/bin/python && stamped; then exit 0; fi

if ! { [ -x .venv/bin/python ] && new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    python=$(find_python) ||
        fail "Python 3.11 or newer is needed and none is on the PATH: install it (Debian: apt install python3 python3-venv), or set PYTHON"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "$("$python" --version) lacks its venv module: on Debian and Ubuntu run: apt install python3-venv"
    echo "venv: making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv || fail "$python could not make .venv; is this folder writable?"
fi

echo "venv: installing what $lock names (once; later starts skip this) ..."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes -r "$lock" ||
    fail "pip could not install $lock; its lines above say why (no network? then set PIP_INDEX_URL to your mirror)"
cat requirements/runtime.txt "$lock" | cksum >".venv/.locked-$wanted"
