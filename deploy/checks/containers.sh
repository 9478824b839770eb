#!/usr/bin/env bash
# Builds every image of deploy/images, looks into it, and walks the README's walk on a platform of containers: first all
# in one, then both services by themselves with MongoDB, RabbitMQ and the page in front of them.
#
# It needs neither Docker nor a registry of images: base images are stood in for, see bases/. Where there is a registry,
# MYEVENTS_TEST_PULL=1 takes the real ones.
set -euo pipefail
cd "$(dirname "$0")/../.."

IMAGES=(eventservice bookingservice myevents page)
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
TARGET=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
WORK=$TARGET/deploy
PULL=${MYEVENTS_TEST_PULL:-}
OURS=localhost/myevents
MONGODB=docker.io/library/$(sed -n 's/^ *image: \(.*\/\)\{0,1\}\(mongo:.*\)/\2/p' deploy/compose.yml | head -n 1)
RABBITMQ=docker.io/library/$(sed -n 's/^ *image: \(.*\/\)\{0,1\}\(rabbitmq:.*\)/\2/p' deploy/compose.yml | head -n 1)
SYFT=1.57.1
# What ours may do: as little as they can do with.
CONFINED="--read-only --tmpfs /tmp --cap-drop all --security-opt no-new-privileges --memory 1g --pids-limit 500"
# In the name of whatever is run here.
RUN=myevents-check-$(date +%s)-$$

say() { printf '%s %s\n' "$(date +%T)" "$*"; }
fail() {
    echo "error: $*" >&2
    exit 1
}

# quietly WHAT COMMAND...: runs it, tells how long it took, and what it said only where it failed.
quietly() {
    local what=$1 log=$WORK/logs/${1//[^a-zA-Z0-9.]/-}.log started=$SECONDS
    shift
    mkdir -p "$WORK/logs"
    nice -n 19 timeout 3600 "$@" >"$log" 2>&1 </dev/null || {
        tail -n 60 "$log" >&2
        fail "$what failed; all of it is in $log"
    }
    say "$what: $((SECONDS - started)) s"
}

tools() {
    local missing=()
    for package in aardvark-dns buildah curl debootstrap iptables jq netavark podman runc; do
        dpkg-query --show --showformat '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] || {
        say "Installing ${missing[*]}"
        apt-get update -q >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get install -qy "${missing[@]}" >/dev/null
    }
}

# build IMAGE ARGUMENT...
build() {
    local image=$1
    shift
    # The other format has no health checks.
    quietly "$image" buildah build --layers --format docker "${REACH[@]}" --tag "$image" "$@"
}

# Own stores and settings, so that nothing of the machine's is touched.
settings() {
    mkdir -p "$WORK/settings" "$WORK/cache/cargo" "$WORK/cache/npm"
    local store=$WORK/images${PULL:+-pulled}
    cat >"$WORK/settings/storage.conf" <<EOF
[storage]
driver = "overlay"
graphroot = "$store"
runroot = "/run/myevents-check-$(cksum <<<"$store" | cut -d ' ' -f 1)"
EOF
    cat >"$WORK/settings/containers.conf" <<EOF
[containers]
# No more than an ordinary user may have: more may not be granted.
default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
EOF
    export CONTAINERS_STORAGE_CONF=$WORK/settings/storage.conf CONTAINERS_CONF=$WORK/settings/containers.conf
    # Health is asked for here; there may be no systemd that would.
    export DISABLE_HC_SYSTEMD=true
}

# How builds reach the registries of packages: as this machine does.
reach() {
    apt-config dump | grep '^Acquire::' >"$WORK/settings/apt.conf"
    printf '%s\n' "registry=$(npm config get registry)" 'cafile=/etc/ssl/certs/ca-certificates.crt' >"$WORK/settings/npmrc"
    REACH=(--network host
        --volume "$WORK/settings/apt.conf:/etc/apt/apt.conf.d/99machine:ro"
        --volume "$WORK/settings/npmrc:/usr/local/etc/npmrc:ro"
        --volume /etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt:ro
        --volume "$WORK/cache/cargo:/usr/local/cargo/registry"
        --volume "$WORK/cache/npm:/root/.npm")
    local file cargo=${CARGO_HOME:-$HOME/.cargo}
    # Images are Debian 12 as well; another system's sources would not fit them.
    if grep -q '^VERSION_CODENAME=bookworm' /etc/os-release; then
        for file in /etc/apt/sources.list /etc/apt/sources.list.d /usr/share/keyrings; do
            [ ! -e "$file" ] || REACH+=(--volume "$file:$file:ro")
        done
    fi
    [ ! -f "$HOME/.npmrc" ] || REACH+=(--volume "$HOME/.npmrc:/root/.npmrc:ro")
    for file in config config.toml; do
        [ ! -f "$cargo/$file" ] || REACH+=(--volume "$cargo/$file:/usr/local/cargo/$file:ro")
    done
}

bases() {
    local image
    for image in "$MONGODB" "$RABBITMQ" $(sed -n 's/^FROM \([^ ]*\/[^ ]*\).*/\1/p' deploy/images/*.Dockerfile | sort -u); do
        if [ -n "$PULL" ]; then quietly "$image" podman pull --quiet "$image"; else stand_in "$image"; fi
    done
}

images() {
    local name
    for name in "${IMAGES[@]}"; do
        build "$OURS/$name:$VERSION" --file "deploy/images/$name.Dockerfile" --build-arg "VERSION=$VERSION" \
            --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
    done
}

# What an image says of itself, and what must not be in it.
look_into() {
    local name=$1 image=$OURS/$1:$VERSION about mounted shell
    about=$(podman image inspect "$image")
    has() { jq --exit-status --arg version "$VERSION" ".[0] | $1" <<<"$about" >/dev/null || fail "$name: $2"; }
    has '.User | test("^[1-9][0-9]*(:[1-9][0-9]*)?$")' "it does not run as a user other than root, by number"
    has '(.Healthcheck // .HealthCheck).Test | .[0] == "CMD" and length > 1' "there is no health check"
    has '.Labels["org.opencontainers.image.version"] == $version' "it is not labelled with version $VERSION"
    has '[.Labels["org.opencontainers.image." + ("title", "description", "licenses", "revision")] // ""] |
        all(length > 0)' "labels are missing"
    if [ "$name" != page ]; then
        mounted=$(podman image mount "$image")
        shell=$(find "$mounted" \( -type f -o -type l \) \( -name sh -o -name '*ash' -o -name 'busybox*' \) -path '*bin/*')
        podman image unmount "$image" >/dev/null
        [ -z "$shell" ] || fail "$name has a shell: $shell"
    fi
    say "$name: $(jq '.[0].Size / 1e6 | round' <<<"$about") MB, user $(jq --raw-output '.[0].User' <<<"$about")"
}

# What each image is made of, as SPDX: packages and crates by a look into the image, what the page is bundled from by npm.
parts() {
    local name
    [ -x "$WORK/bin/syft-$SYFT" ] || {
        GOBIN=$WORK/bin quietly "syft, which names an image's parts" go install -p 1 -trimpath \
            "github.com/anchore/syft/cmd/syft@v$SYFT"
        mv "$WORK/bin/syft" "$WORK/bin/syft-$SYFT"
    }
    for name in "${IMAGES[@]}"; do
        rm -f "$WORK/image.tar"
        podman save --quiet --format docker-archive --output "$WORK/image.tar" "$OURS/$name:$VERSION"
        quietly "parts of $name" env SYFT_CHECK_FOR_APP_UPDATE=false "$WORK/bin/syft-$SYFT" scan --quiet \
            "docker-archive:$WORK/image.tar" --source-name "myevents/$name" --source-version "$VERSION" \
            --output "spdx-json=$WORK/$name.spdx.json"
    done
    rm -f "$WORK/image.tar"
    # npm names nothing that has no version.
    mkdir -p "$WORK/page"
    jq --arg version "$VERSION" '.version = $version' frontend/package.json >"$WORK/page/package.json"
    jq --arg version "$VERSION" '.version = $version | .packages[""].version = $version' frontend/package-lock.json \
        >"$WORK/page/package-lock.json"
    (cd "$WORK/page" && npm sbom --package-lock-only --omit dev --sbom-format spdx) >"$WORK/page-npm.spdx.json"
    for name in eventservice bookingservice myevents; do
        names "$name" actix-web rdkafka libssl3
    done
    names page nginx
    names page-npm react
}

names() {
    local file=$WORK/$1.spdx.json part
    shift
    for part; do
        jq --exit-status --arg part "$part" 'any(.packages[]; .name == $part)' "$file" >/dev/null ||
            fail "$file does not name $part"
    done
}

# run NAME IMAGE OPTION...: one of ours.
run() {
    # shellcheck disable=SC2086 # It is several options.
    timeout 60 podman run --detach --name "$RUN-$1" --network "$RUN" --network-alias "$1" $CONFINED "${@:3}" \
        "$OURS/$2:$VERSION" >/dev/null
}

# A setting of a service of deploy/compose.yml, as it stands there.
in_compose() { awk -v service="  $1:" '/^  [^ ]/ { inside = $0 == service } inside' deploy/compose.yml | sed -n "s/^ *$2: //p"; }

# Whether it is well, by its image's own health check, else by that of deploy/compose.yml.
is_well() {
    local health command
    health=$(in_compose "$1" test)
    if [ -n "$health" ]; then
        mapfile -t command < <(jq --raw-output '.[1:][]' <<<"$health")
        timeout 30 podman exec "$RUN-$1" "${command[@]}"
    else
        timeout 30 podman healthcheck run "$RUN-$1"
    fi
}

# Asks for its health until it is well.
well() {
    local name until=$((SECONDS + 180))
    for name; do
        until is_well "$name" >/dev/null 2>&1; do
            [ "$(podman inspect --format '{{.State.Running}}' "$RUN-$name")" = true ] && [ "$SECONDS" -lt "$until" ] || {
                podman logs --tail 40 "$RUN-$name" >&2
                fail "$name does not become healthy"
            }
            sleep 1
        done
    done
}

# Where a port of a container is found on this machine.
port() { podman port "$RUN-$1" "$2" | head -n 1; }

# Tells each to end, and sees that it does so by itself, in order and in time. Its data stays.
end() {
    local name started code
    for name; do
        started=$SECONDS
        timeout 90 podman stop --time 40 "$RUN-$name" >/dev/null
        code=$(podman inspect --format '{{.State.ExitCode}}' "$RUN-$name")
        [ "$code" = 0 ] || {
            podman logs --tail 40 "$RUN-$name" >&2
            fail "$name was told to end, and ended with $code"
        }
        say "$name ended in order after $((SECONDS - started)) s"
        podman rm "$RUN-$name" >/dev/null
    done
}

# walk PART API HTTPS METRICS COMMANDS: where ports are, and how `myevents` is run.
walk() {
    mkdir -p "$WORK/walk"
    BASE=http://$2 HTTPS=https://$3 METRICS=http://$4 MYEVENTS=$5 FOLDER=$WORK/walk timeout 300 deploy/checks/walk.sh "$1"
}

has_page() {
    curl --fail --silent --max-time 10 "http://$1/" | grep -q '<div id="root">' || fail "there is no page at $1"
}

# Both services and the page in one container.
all_in_one() {
    local part
    rm -rf "$WORK/walk"
    for part in before after; do
        run platform myevents --volume "$RUN-platform:/data" --publish 127.0.0.1::8181 --publish 127.0.0.1::9191 \
            --publish 127.0.0.1::9101
        well platform
        has_page "$(port platform 8181)"
        walk $part "$(port platform 8181)" "$(port platform 9191)" "$(port platform 9101)" \
            "podman exec $RUN-platform myevents"
        end platform
    done
    say "The walk, all in one container: as the README says"
}

# server NAME [OPTION...] IMAGE [ARGUMENT...]: one that is not ours.
server() {
    timeout 60 podman run --detach --name "$RUN-$1" --network "$RUN" --network-alias "$1" --hostname "$1" --memory 2g \
        "${@:2}" >/dev/null
}

# Each by itself, as in deploy/compose.yml.
apart() {
    local part
    local event=(--env "MYEVENTS_STORE=mongodb://mongodb-event/?replicaSet=rs0")
    local booking=(--env "MYEVENTS_STORE=mongodb://mongodb-booking/?replicaSet=rs0")
    local broker=(--env "MYEVENTS_BROKER=amqp://myevents:myevents@rabbitmq/%2f")
    for part in event booking; do
        server "mongodb-$part" "$MONGODB" --replSet rs0 --bind_ip_all --wiredTigerCacheSizeGB 0.25
    done
    server rabbitmq --env RABBITMQ_DEFAULT_USER=myevents --env RABBITMQ_DEFAULT_PASS=myevents "$RABBITMQ"
    well mongodb-event mongodb-booking rabbitmq
    rm -rf "$WORK/walk"
    for part in before after; do
        run eventservice eventservice --volume "$RUN-event:/data" --publish 127.0.0.1::9191 \
            "${event[@]}" "${broker[@]}"
        run bookingservice bookingservice --volume "$RUN-booking:/data" --publish 127.0.0.1::9101 \
            "${booking[@]}" "${broker[@]}"
        well eventservice bookingservice
        # It finds both by their names when it starts.
        run page page --tmpfs /etc/nginx/conf.d --publish 127.0.0.1::8080
        well page
        has_page "$(port page 8080)"
        walk $part "$(port page 8080)" "$(port eventservice 9191)" "$(port bookingservice 9101)" \
            "podman run --rm --network $RUN $CONFINED ${booking[*]} ${broker[*]} $OURS/myevents:$VERSION"
        end page bookingservice eventservice
    done
    say "The walk, each in a container of its own: as the README says"
}

# What was run is removed, and also what an earlier run that was broken off has left. Images stay: they are what takes time.
clear_away() {
    podman ps --all --quiet | xargs --no-run-if-empty podman rm --force --time 0 --volumes >/dev/null
    podman volume prune --force >/dev/null
    podman network ls --quiet --filter name=myevents-check- | xargs --no-run-if-empty podman network rm --force >/dev/null
}

source deploy/checks/bases/stand_in.sh
tools
settings
exec 9>"$WORK/lock"
flock --nonblock 9 || fail "this runs already"
clear_away
trap 'clear_away || true' EXIT
reach
bases
images
for name in "${IMAGES[@]}"; do look_into "$name"; done
parts
podman network create "$RUN" >/dev/null
all_in_one
apart
say "Containers: everything is as it should be"
