#!/bin/bash
# Gives this machine what the container tests and "make images" need, and says what it does:
#   1. a Docker engine that answers; on Debian or Ubuntu, as root, one is installed and started if there is none;
#   2. the compose and buildx plugins of the Docker client;
#   3. the base images: the public ones where a registry answers, else built from deploy/images; and on that of RabbitMQ the
#      platform's broker;
#   4. .data/images.env, which names those images and the machine's certificate authorities, for tests, and links .env to
#      it, which compose reads by itself;
#   5. with --check, a container that ran: an engine can answer questions and hang with every container. One that this
#      script started is started anew then, once, and what it held is gone; another one is left to its owner.
# Runs as often as you like; what is there is left alone. Exit codes: 0 ready, 1 a step failed, 3 no engine to be had.
# Environment: NO_DOCKER_INSTALL=1 forbids installing; POSTGRES_IMAGE, RABBITMQ_IMAGE, PYTHON_IMAGE, PROMETHEUS_IMAGE and
# NGINX_IMAGE name your own images, BROKER_IMAGE one with the plug-in of deploy/images/broker; DEBIAN_MIRROR is the mirror
# for Debian packages (default: the machine's own).
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
images_folder=$checkout/deploy/images
state_folder=$checkout/.data
images_file=$state_folder/images.env
log_folder=$state_folder/logs
suite=trixie
base_image=yunquan/debian:$suite-slim
plugin_folder=/usr/local/lib/docker/cli-plugins
own_engine_file=$state_folder/engine.pid
probe_seconds=${ENGINE_PROBE_SECONDS:-60}
anew="the engine is started anew"

say() { printf 'engine: %s\n' "$*"; }
fail() { printf 'engine: FAILED: %s\n' "$*" >&2; exit 1; }
no_engine() { printf 'engine: no Docker engine: %s\n' "$*" >&2; exit 3; }

# step <limit in seconds> <log name> <what> <command...>: runs with a bound, keeps the output, explains a failure.
step() {
    local limit=$1 log=$log_folder/$2.log what=$3 started=$SECONDS code=0
    shift 3
    say "$what (at most $limit s) ..."
    # Without descriptor 9: a daemon that a package starts would keep the lock of this script for ever.
    timeout --kill-after=10 "$limit" "$@" >"$log" 2>&1 </dev/null 9>&- || code=$?
    if [ "$code" != 0 ]; then
        tail -n 15 "$log" | sed 's/^/    /' >&2
        [ "$code" != 124 ] || fail "$what took more than $limit s; the whole log is $log"
        fail "$what gave exit code $code; the whole log is $log"
    fi
    say "  done in $((SECONDS - started)) s"
}

engine_answers() { timeout 10 docker version --format '{{.Server.Version}}' 2>/dev/null; }
has_image() { docker image inspect "$1" >/dev/null 2>&1; }

debian_mirror() {
    local own
    own=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} \
        2>/dev/null | head -n 1 | tr -d ' ' || true)
    printf '%s' "${DEBIAN_MIRROR:-${own:-http://deb.debian.org/debian}}"
}

install_engine() {
    local missing=() package
    [ "${NO_DOCKER_INSTALL:-}" != 1 ] ||
        no_engine "none answers and NO_DOCKER_INSTALL=1 forbids installing one; unset it, or start your engine"
    [ -z "${DOCKER_HOST:-}" ] ||
        no_engine "DOCKER_HOST=$DOCKER_HOST does not answer; start that engine, or unset DOCKER_HOST"
    [ "$(id -u)" = 0 ] ||
        no_engine "none answers and installing one needs root; start your engine, or run: sudo $0"
    command -v apt-get >/dev/null ||
        no_engine "none answers and this machine is not Debian or Ubuntu; install Docker by hand and start it"
    for package in docker.io debootstrap iptables; do
        [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing+=("$package")
    done
    [ "${#missing[@]}" != 0 ] || return 0
    say "no Docker engine answers; installing ${missing[*]} by apt (NO_DOCKER_INSTALL=1 would forbid it)"
    step 120 apt-update "reading the package lists" apt-get update
    step 600 apt-install "installing ${missing[*]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}"
}

start_engine() {
    local log=$log_folder/dockerd.log waited=0 daemon
    daemon=$(command -v dockerd || echo /usr/sbin/dockerd)
    engine_answers >/dev/null && return 0
    say "starting dockerd, log in $log (at most 30 s) ..."
    [ ! -s "$log" ] || mv -f "$log" "$log.before"
    if [ -d /run/systemd/system ]; then
        timeout 30 systemctl start docker >"$log" 2>&1 || true
    else
        # A pid file of a daemon that is gone would stop the next one.
        if [ -s /var/run/docker.pid ] && ! kill -0 "$(cat /var/run/docker.pid)" 2>/dev/null; then
            rm -f /var/run/docker.pid
        fi
        setsid "$daemon" >"$log" 2>&1 </dev/null 9>&- &
    fi
    until engine_answers >/dev/null; do
        if [ "$waited" -ge 60 ]; then
            tail -n 10 "$log" | sed 's/^/    /' >&2
            no_engine "dockerd did not answer within 30 s; see $log (a container without the needed rights cannot run one)"
        fi
        waited=$((waited + 1))
        sleep 0.5
    done
    cp /var/run/docker.pid "$own_engine_file" 2>/dev/null || true
}

# A whole container, begun and removed; without a network, since one is not what is asked about.
runs_containers() {
    timeout --kill-after=5 "$probe_seconds" docker run --rm --network=none --read-only "$PYTHON_IMAGE" true \
        >"$log_folder/probe.log" 2>&1 </dev/null 9>&-
}

is_own_engine() { [ -s "$own_engine_file" ] && cmp -s "$own_engine_file" /var/run/docker.pid; }

# What the daemon was at when it hung goes to its log first: it writes the stacks of its threads when it is asked.
start_engine_anew() {
    local daemon containerd waited=0
    daemon=$(cat /var/run/docker.pid)
    containerd=$(cat /var/run/docker/containerd/containerd.pid 2>/dev/null || true)
    kill -USR1 "$daemon" 2>/dev/null || true
    sleep 2
    tail -n 15 "$log_folder/dockerd.log" | cut -c1-300 | sed 's/^/    /' >&2
    cat /var/run/docker/goroutine-stacks-*.log 2>/dev/null | grep -E '^goroutine .*minutes' | sort | uniq -c | sort -rn |
        head -n 10 | sed 's/^/    /' >&2 || true
    kill -KILL "$daemon" ${containerd:+"$containerd"} 2>/dev/null || true
    while kill -0 "$daemon" 2>/dev/null && [ "$waited" -lt 100 ]; do
        waited=$((waited + 1))
        sleep 0.1
    done
    start_engine
}

check_engine() {
    runs_containers && return 0
    sed 's/^/    /' "$log_folder/probe.log" | tail -n 5 >&2
    is_own_engine || fail "the engine answers, but no container began and ended within $probe_seconds s; start the engine anew"
    say "the engine answers, but no container began and ended within $probe_seconds s; $anew"
    start_engine_anew
    runs_containers || fail "no container runs on an engine that was just started; see $log_folder/dockerd.log"
}

# The distribution's own compose is too old in Debian 12, so both plugins come from trixie, unpacked into the
# client's plugin folder. The machine's own package sources are not touched: apt works in a private folder.
install_plugins() {
    local package name missing=() scratch keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    docker compose version >/dev/null 2>&1 || missing+=(docker-compose)
    docker buildx version >/dev/null 2>&1 || missing+=(docker-buildx)
    [ "${#missing[@]}" != 0 ] || return 0
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
        fail "the Docker client lacks ${missing[*]}; install the compose v2 and buildx plugins by hand"
    [ -r "$keyring" ] || step 120 keyring "installing Debian's archive keys" apt-get install -y debian-archive-keyring
    scratch=$(mktemp -d)
    mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial" "$scratch/debs" "$plugin_folder"
    chmod -R a+rX "$scratch"
    chown -R _apt "$scratch/lists" "$scratch/cache" "$scratch/debs" 2>/dev/null || true
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$(debian_mirror)" "$suite" >"$scratch/sources.list"
    local private=(-o "Dir::Etc::SourceList=$scratch/sources.list" -o Dir::Etc::SourceParts=-
        -o "Dir::State::Lists=$scratch/lists" -o "Dir::Cache=$scratch/cache")
    step 120 plugins-update "reading $suite's package list" apt-get "${private[@]}" update
    for package in "${missing[@]}"; do
        step 180 "$package" "fetching $package" env --chdir="$scratch/debs" \
            apt-get "${private[@]}" download "$package/$suite"
        dpkg --extract "$scratch/debs/$package"_*.deb "$scratch/$package"
        name=$(find "$scratch/$package" -type f -path '*cli-plugins/*' | head -n 1)
        [ -n "$name" ] || fail "$package of $suite holds no client plugin"
        install -m 0755 "$name" "$plugin_folder/"
    done
    rm -rf "$scratch"
    docker compose version >/dev/null 2>&1 || fail "the compose plugin does not run on this machine"
    docker buildx version >/dev/null 2>&1 || fail "the buildx plugin does not run on this machine"
    say "plugins: compose $(docker compose version --short), $(docker buildx version | cut -d' ' -f1-2)"
}

# A pull whose first line has not come after 20 s has no registry behind it; one that has begun may take 15 minutes.
pull() {
    local image=$1 log=$log_folder/pull.log tenths=0 job
    : >"$log"
    timeout 900 docker pull "$image" >"$log" 2>&1 </dev/null &
    job=$!
    until ! kill -0 "$job" 2>/dev/null || grep -q 'Pulling from' "$log"; do
        if [ "$tenths" -ge 200 ]; then
            kill "$job" 2>/dev/null || true
            break
        fi
        tenths=$((tenths + 1))
        sleep 0.1
    done
    wait "$job" 2>/dev/null && has_image "$image"
}

folder_checksum() { (cd "$1" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-16); }
built_from() { docker image inspect --format '{{index .Config.Labels "yunquan.source"}}' "$1" 2>/dev/null || true; }

build_base() {
    local source=$1 archive
    command -v debootstrap >/dev/null || {
        [ "$(id -u)" = 0 ] || fail "building the base image needs root and debootstrap; or pull the public images"
        step 300 debootstrap-install "installing debootstrap" apt-get install -y --no-install-recommends debootstrap
    }
    archive=$(mktemp)
    step 600 debootstrap "building $base_image from Debian packages" bash -c \
        '"$1/debian/bootstrap.sh" "$2" "$3" >"$4" && docker import --change "LABEL yunquan.source=$5" "$4" "$6"' \
        bootstrap "$images_folder" "$suite" "$(debian_mirror)" "$archive" "$source" "$base_image"
    rm -f "$archive"
}

build() {
    local folder=$1 image=$2 base_source source
    base_source=$(folder_checksum "$images_folder/debian")
    source=$base_source-$(folder_checksum "$images_folder/$folder")
    [ "$(built_from "$image")" != "$source" ] || return 0
    [ "$(built_from "$base_image")" = "$base_source" ] || build_base "$base_source"
    step 600 "build-$folder" "building $image" docker buildx build --load --progress=plain --build-arg "BASE=$base_image" \
        --label "yunquan.source=$source" --tag "$image" "$images_folder/$folder"
}

# choose <variable> <public image> <folder of the own one> <own image>: prints nothing, sets the variable.
registry=unknown
choose() {
    local variable=$1 public=$2 folder=$3 own=$4
    if [ -n "${!variable:-}" ]; then
        say "$variable=${!variable} (from the environment)"
        return 0
    fi
    if has_image "$public"; then
        printf -v "$variable" '%s' "$public"
        return 0
    fi
    if [ "$registry" = unknown ] && has_image "$own"; then registry=absent; fi
    if [ "$registry" != absent ]; then
        say "asking the registry for $public ..."
        if pull "$public"; then
            registry=present
            printf -v "$variable" '%s' "$public"
            return 0
        fi
        registry=absent
        say "  no registry answers; the images are built here from Debian packages"
    fi
    build "$folder" "$own"
    printf -v "$variable" '%s' "$own"
}

build_broker() {
    local base source
    if [ -n "${BROKER_IMAGE:-}" ]; then
        say "BROKER_IMAGE=$BROKER_IMAGE (from the environment)"
        return 0
    fi
    BROKER_IMAGE=yunquan/broker:4
    base=$(docker image inspect --format '{{.Id}}' "$RABBITMQ_IMAGE" 2>/dev/null || echo "$RABBITMQ_IMAGE")
    source=$base-$(folder_checksum "$images_folder/broker")
    [ "$(built_from "$BROKER_IMAGE")" != "$source" ] || return 0
    step 600 build-broker "building $BROKER_IMAGE on $RABBITMQ_IMAGE" docker buildx build --load --progress=plain \
        --build-arg "BASE=$RABBITMQ_IMAGE" --label "yunquan.source=$source" --tag "$BROKER_IMAGE" "$images_folder/broker"
}

write_images_file() {
    # Ryuk, the testcontainers sweeper, is an image of a registry; the tests sweep their own leftovers by label.
    printf '%s\n' "POSTGRES_IMAGE=$POSTGRES_IMAGE" "RABBITMQ_IMAGE=$RABBITMQ_IMAGE" "BROKER_IMAGE=$BROKER_IMAGE" \
        "PYTHON_IMAGE=$PYTHON_IMAGE" "PROMETHEUS_IMAGE=$PROMETHEUS_IMAGE" "NGINX_IMAGE=$NGINX_IMAGE" \
        "EXTRA_CA_FILE=${EXTRA_CA_FILE:-${PIP_CERT:-${SSL_CERT_FILE:-/dev/null}}}" \
        "TESTCONTAINERS_RYUK_DISABLED=true" >"$images_file.new"
    mv -f "$images_file.new" "$images_file"
    # Compose looks beside its file, in the root or in deploy/. A .env of somebody's own is left alone.
    [ -e "$checkout/.env" ] || ln -sf .data/images.env "$checkout/.env"
    [ -e "$checkout/deploy/.env" ] || ln -sf ../.data/images.env "$checkout/deploy/.env"
}

main() {
    local version
    mkdir -p "$log_folder"
    exec 9>"$state_folder/engine.lock"
    flock --nonblock 9 || say "another run of this script is at work; waiting for it (at most 20 minutes)"
    flock --timeout 1200 9 || fail "another run of this script has held $state_folder/engine.lock for 20 minutes"
    if ! command -v docker >/dev/null || ! version=$(engine_answers); then
        install_engine
        hash -r
        start_engine
        version=$(engine_answers) || no_engine "dockerd started and stopped answering; see $log_folder/dockerd.log"
    fi
    say "Docker engine $version answers"
    install_plugins
    choose POSTGRES_IMAGE postgres:17 postgres yunquan/postgres:17
    choose RABBITMQ_IMAGE rabbitmq:4-management rabbitmq yunquan/rabbitmq:4-management
    build_broker
    choose PYTHON_IMAGE python:3.13-slim python yunquan/python:3.13-slim
    choose PROMETHEUS_IMAGE prom/prometheus:v3.5.0 prometheus yunquan/prometheus:2.53
    choose NGINX_IMAGE nginx:1.28 nginx yunquan/nginx:1.26
    if [ "${1:-}" = --check ]; then check_engine; fi
    write_images_file
    say "images in $images_file: $POSTGRES_IMAGE, $BROKER_IMAGE, $PYTHON_IMAGE, $PROMETHEUS_IMAGE, $NGINX_IMAGE"
}

main "$@"
