#!/bin/sh
# Asks a public service of known weaknesses about every locked package. It is no part of CI's verdict: what is known
# changes without a change here, and a machine that does not reach the service could say nothing.
# Exit codes: 0 everything was asked about and nothing is known, 1 something is known, 3 not everything was asked about.
# PIP_AUDIT names a pip-audit that is there already; without it one is installed from requirements/audit.txt.
set -eu

cd "$(dirname "$0")/.."
place=.data/audit
if [ -z "${PIP_AUDIT:-}" ]; then
    PIP_AUDIT=$place/bin/pip-audit
    mkdir -p .data
    { [ -x "$place/bin/python" ] || python3 -m venv "$place"; } &&
        "$place/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes \
            -r requirements/audit.txt ||
        { echo "audit: pip-audit could not be installed; nothing was asked" >&2; exit 3; }
fi

known=0
unasked=0
for lock in runtime dev sbom audit; do
    said=$(timeout 300 "$PIP_AUDIT" --progress-spinner off --disable-pip --require-hashes \
        --requirement "requirements/$lock.txt" 2>&1) && code=0 || code=$?
    # A weakness is told in a table. A package that the service does not know is left out with a remark, which pip-audit
    # itself does not count as a fault, and anything else is a service that did not answer.
    if printf '%s\n' "$said" | grep -q '^Name  *Version  *ID'; then
        known=1
        printf '%s\n' "$said"
    elif [ "$code" != 0 ]; then
        unasked=1
        printf '%s\n' "$said" | tail -n 1 >&2
        echo "audit: requirements/$lock.txt: the service did not answer" >&2
    fi
    left_out=$(printf '%s\n' "$said" | grep -c 'could not be audited' || true)
    if [ "$left_out" != 0 ]; then
        unasked=1
        echo "audit: requirements/$lock.txt: nobody could say anything about $left_out packages" >&2
    fi
done
[ "$known" = 0 ] || exit 1
[ "$unasked" = 0 ] || exit 3
echo "audit: nothing is known against any locked package"
