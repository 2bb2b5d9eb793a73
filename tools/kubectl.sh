#!/bin/bash
# Prints the path of kubectl, whose `kustomize` renders the manifests of deploy/k8s.
# Looked for in $KUBECTL, on the PATH and in .data; else, as root on Debian or Ubuntu, taken out of Debian trixie's
# package into .data (the kubectl of Debian 12 knows no kustomize components). Nothing is installed and no cluster is
# asked. Exit codes: 0 found, 3 none to be had (the last line says why and what to do).
set -euo pipefail

suite=trixie
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.data/kubectl
unpacked=$folder/usr/bin/kubectl
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

none() { printf 'kubectl: none here: %s\n' "$*" >&2; exit 3; }
found() { printf '%s\n' "$1"; exit 0; }

# Components, and replacements as they are used here, came with kustomize 5, in kubectl 1.27.
recent() {
    local said
    said=$(KUBECONFIG=/dev/null timeout 20 "$1" version --client 2>/dev/null) || return 1
    [[ $said =~ Kustomize\ Version:\ v([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge 5 ]
}

if [ -n "${KUBECTL:-}" ]; then
    recent "$KUBECTL" || none "KUBECTL=$KUBECTL is no kubectl of 1.27 or later; correct it or unset it"
    found "$KUBECTL"
fi
if path=$(command -v kubectl) && recent "$path"; then found "$path"; fi
[ ! -x "$unpacked" ] || found "$unpacked"

cure="install kubectl 1.27 or later, or set KUBECTL to one"
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    none "$cure"
fi

mkdir -p "$folder"
exec 9>"$folder/lock"
flock --timeout 300 9 || none "another run of this script has held $folder/lock for 5 minutes"
[ ! -x "$unpacked" ] || found "$unpacked"

log=$folder/apt.log
[ -r "$keyring" ] || timeout 120 apt-get install -y debian-archive-keyring >"$log" 2>&1 </dev/null || true
[ -r "$keyring" ] || none "Debian's archive keys are missing ($log); $cure"
mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} \
    2>/dev/null | head -n 1 | tr -d ' ' || true)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial" "$scratch/debs"
chmod -R a+rX "$scratch"
chown -R _apt "$scratch" 2>/dev/null || true
printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "${DEBIAN_MIRROR:-${mirror:-http://deb.debian.org/debian}}" "$suite" \
    >"$scratch/sources.list"
# The machine's own package sources are not touched: apt works in a private folder.
private=(-o "Dir::Etc::SourceList=$scratch/sources.list" -o Dir::Etc::SourceParts=-
    -o "Dir::State::Lists=$scratch/lists" -o "Dir::Cache=$scratch/cache")
cd "$scratch/debs"
{ timeout 120 apt-get "${private[@]}" update && timeout 180 apt-get "${private[@]}" download "kubectl/$suite"; } \
    >"$log" 2>&1 </dev/null || none "apt-get cannot fetch the package kubectl of $suite ($log); $cure"
dpkg --fsys-tarfile kubectl_*.deb | tar --extract --directory "$folder" ./usr/bin/kubectl
recent "$unpacked" || none "the kubectl of $suite does not run here; $cure"
found "$unpacked"
