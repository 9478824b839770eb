#!/usr/bin/env bash
# A Kubernetes API server takes every overlay: it is asked strictly, changes nothing, and must not have to warn of anything.
# Among what it warns of is a pod that the namespace's standard, `restricted`, would refuse.
#
# The server is that of MYEVENTS_TEST_KUBECONFIG, or of KUBECONFIG; else one is built, started here, and ended.
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
NAMESPACE=myevents
PATIENCE=60

SCRATCH=$(mktemp -d)
STARTED=()
MADE=
finish() {
    [ -z "$MADE" ] || kubectl delete namespace "$NAMESPACE" --wait=false >/dev/null
    # The last that was started is ended first.
    for ((i = ${#STARTED[@]} - 1; i >= 0; i--)); do
        kill "${STARTED[i]}" 2>/dev/null || true
        wait "${STARTED[i]}" 2>/dev/null || true
    done
    rm -rf "$SCRATCH"
}
trap finish EXIT

kubectl() {
    "$KUBECTL" --request-timeout 30s "$@"
}

free_ports() {
    python3 -c 'import socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(one.getsockname()[1] for one in sockets))' "$1"
}

# start NAME COMMAND...
start() {
    local name=$1
    shift
    "$@" >"$SCRATCH/$name.log" 2>&1 &
    STARTED+=($!)
}

start_server() {
    local clients peers secure token
    etcd_program
    kubernetes_program kube-apiserver
    read -r clients peers secure < <(free_ports 3)
    token=$(openssl rand -hex 16)
    echo "$token,check,check,system:masters" >"$SCRATCH/tokens"
    openssl genrsa -out "$SCRATCH/accounts.pem" 2048 2>/dev/null
    start etcd "$ETCD_PROGRAM" --data-dir "$SCRATCH/etcd" --unsafe-no-fsync --log-level error \
        --listen-client-urls "http://127.0.0.1:$clients" --advertise-client-urls "http://127.0.0.1:$clients" \
        --listen-peer-urls "http://127.0.0.1:$peers" --initial-advertise-peer-urls "http://127.0.0.1:$peers" \
        --initial-cluster "default=http://127.0.0.1:$peers"
    start kube-apiserver "$KUBERNETES_PROGRAM" --etcd-servers "http://127.0.0.1:$clients" \
        --bind-address 127.0.0.1 --secure-port "$secure" --cert-dir "$SCRATCH/certificates" --endpoint-reconciler-type none \
        --service-cluster-ip-range 10.0.0.0/24 --authorization-mode RBAC --token-auth-file "$SCRATCH/tokens" \
        --service-account-issuer https://localhost --service-account-key-file "$SCRATCH/accounts.pem" \
        --service-account-signing-key-file "$SCRATCH/accounts.pem"
    kubectl config set-cluster here --server "https://127.0.0.1:$secure" --insecure-skip-tls-verify >/dev/null
    kubectl config set-credentials check --token "$token" >/dev/null
    kubectl config set-context here --cluster here --user check >/dev/null
    kubectl config use-context here >/dev/null
    for ((i = 0; i < PATIENCE; i++)); do
        kubectl get --raw /readyz >/dev/null 2>&1 && return
        kill -0 "${STARTED[-1]}" 2>/dev/null || break
        sleep 1
    done
    fail "kube-apiserver does not start: $(tail -n 3 "$SCRATCH/kube-apiserver.log")"
}

# try_out FILE: what the server says of it is in SAID.
try_out() {
    SAID=$(kubectl apply --dry-run=server --validate=strict --filename "$1" 2>&1)
}

# The one that is here, else one of the same sources.
KUBECTL=$(type -P kubectl) || {
    kubernetes_program kubectl
    KUBECTL=$KUBERNETES_PROGRAM
}
export KUBECONFIG=${MYEVENTS_TEST_KUBECONFIG:-${KUBECONFIG:-}}
if [ -z "$KUBECONFIG" ]; then
    KUBECONFIG=$SCRATCH/kubeconfig
    start_server
fi
VERSION=$(kubectl version -o json 2>/dev/null | sed -n '/serverVersion/,$s/.*"gitVersion": "\(.*\)".*/\1/p') || true
[ -n "$VERSION" ] || fail "no Kubernetes API server answers at what $KUBECONFIG names"

if ! kubectl get namespace "$NAMESPACE" >/dev/null 2>&1; then
    kubectl apply --filename "$TOP/deploy/kubernetes/base/namespace.yaml" >/dev/null || fail "the namespace cannot be made"
    MADE=yes
fi

build_overlays "$SCRATCH"
kubectl api-resources --api-group monitoring.coreos.com --output name >"$SCRATCH/kinds"
for overlay in "$SCRATCH"/*.yaml; do
    name=$(basename "$overlay" .yaml)
    skipped=
    if ! grep -q servicemonitors "$SCRATCH/kinds" && grep -q '^kind: ServiceMonitor' "$overlay"; then
        awk -v RS='---\n' -v ORS='---\n' '!/(^|\n)kind: ServiceMonitor\n/' "$overlay" >"$SCRATCH/known"
        mv "$SCRATCH/known" "$overlay"
        skipped=", but for its ServiceMonitor"
    fi
    try_out "$overlay" || fail "overlay $name: $(grep -v '(server dry run)$' <<<"$SAID")"
    if grep -i '^Warning' <<<"$SAID" >"$SCRATCH/warnings"; then
        fail "overlay $name: $(<"$SCRATCH/warnings")"
    fi
    passed "Kubernetes $VERSION takes overlay $name: $(grep -c 'server dry run' <<<"$SAID") resources$skipped"
    # A pod is not made without its account.
    python "$TOP/deploy/checks/pods.py" accounts <"$overlay" | kubectl apply --filename - >/dev/null
    python "$TOP/deploy/checks/pods.py" pods <"$overlay" >"$SCRATCH/pods"
    try_out "$SCRATCH/pods" || fail "overlay $name: $(grep -v '(server dry run)$' <<<"$SAID")"
    passed "Kubernetes $VERSION takes its pods: $(grep -c 'server dry run' <<<"$SAID")"
done

# A check that takes everything would be none.
sed 's/allowPrivilegeEscalation: false/allowPrivilegeEscalation: true/' "$SCRATCH/local.yaml" >"$SCRATCH/lax"
try_out "$SCRATCH/lax" || fail "the server refuses what it should warn of: $SAID"
for workload in deployment.apps/page statefulset.apps/rabbitmq job.batch/demo cronjob.batch/operator; do
    grep -B 1 "^$workload" <<<"$SAID" | grep -q '^Warning: would violate PodSecurity' || fail "the server does not warn of a lax $workload"
done
passed "Kubernetes $VERSION warns of pods that may gain privileges"
sed 's/readinessProbe:/readynessProbe:/' "$SCRATCH/local.yaml" >"$SCRATCH/misspelt"
if try_out "$SCRATCH/misspelt"; then
    fail "the server takes a misspelt key"
fi
grep -q 'unknown field.*readynessProbe' <<<"$SAID" || fail "the server does not tell of a misspelt key: $SAID"
passed "Kubernetes $VERSION refuses a misspelt key"

# operates STATUS: how operate.sh ends where its Job comes to this status, and what the Job runs. There is neither a controller nor
# a node: the pod is made here, and says nothing.
operates() {
    local said=$SCRATCH/operate job script ended=0
    : >"$said"
    NAMESPACE=$NAMESPACE IMAGE=example/newer:1 PATH=$(dirname "$KUBECTL"):$PATH \
        timeout "$PATIENCE" "$TOP/deploy/kubernetes/operate.sh" parked retry 'a "name" \' >"$said" 2>&1 &
    script=$!
    until job=$(sed -n 's|^job.batch/\(.*\) created$|\1|p' "$said") && [ -n "$job" ]; do
        kill -0 "$script" 2>/dev/null || fail "operate.sh makes no Job: $(<"$said")"
        sleep 0.2
    done
    kubectl get job "$job" --namespace "$NAMESPACE" --output yaml |
        python "$TOP/deploy/checks/pods.py" pods | kubectl create --filename - >/dev/null
    kubectl patch pod "$job" --namespace "$NAMESPACE" --subresource status --patch '{"status": {"phase": "Running"}}' >/dev/null
    kubectl patch job "$job" --namespace "$NAMESPACE" --subresource status --patch "{\"status\": $1}" >/dev/null
    wait "$script" || ended=$?
    echo "$ended $(kubectl get job "$job" --namespace "$NAMESPACE" \
        --output 'jsonpath={.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].args}')"
}

if [ "$KUBECONFIG" = "$SCRATCH/kubeconfig" ]; then
    kubectl apply --namespace "$NAMESPACE" --filename "$TOP/deploy/kubernetes/base/operator.yaml" >/dev/null
    asked='example/newer:1 ["parked","retry","a \"name\" \\"]'
    told=$(operates '{"succeeded": 1}')
    [ "$told" = "0 $asked" ] || fail "operate.sh ends otherwise than its command does: $told"
    told=$(operates '{"failed": 1}')
    [ "$told" = "1 $asked" ] || fail "operate.sh ends otherwise than a command that fails: $told"
    passed "Kubernetes $VERSION takes an operator's command"
fi
