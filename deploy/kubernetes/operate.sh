#!/usr/bin/env bash
# Runs an operator's command in the cluster, beside store and broker, prints what it says, and ends as it ends:
#
#   deploy/kubernetes/operate.sh parked list
#
# What a pod says is cut off at some size and not told apart from its errors: `export` is for a machine that reaches the broker.
# It goes to the cluster that kubectl goes to; NAMESPACE says where in it, if not in `myevents`, and IMAGE which program, if not
# the one of the version that is there.
set -euo pipefail

[ $# -gt 0 ] || {
    echo "usage: $0 COMMAND…, as in: $0 parked list" >&2
    exit 2
}
namespace=${NAMESPACE:-myevents}
job=operator-$(date +%s)-$RANDOM

# As JSON.
arguments=("${@//\\/\\\\}")
arguments=("${arguments[@]//\"/\\\"}")
arguments=$(printf '"%s",' "${arguments[@]}")

change="{\"op\": \"replace\", \"path\": \"/spec/template/spec/containers/0/args\", \"value\": [${arguments%,}]}"
if [ -n "${IMAGE:-}" ]; then
    change+=", {\"op\": \"replace\", \"path\": \"/spec/template/spec/containers/0/image\", \"value\": \"$IMAGE\"}"
fi

in_namespace() {
    kubectl --namespace "$namespace" "$@"
}

in_namespace create job "$job" --from=cronjob/operator --dry-run=client --output json |
    kubectl patch --local --filename - --output json --type json --patch "[$change]" |
    kubectl create --filename - >&2

# How often it has succeeded and failed, each empty where it has not: `/` while it goes on.
outcome() {
    in_namespace get job "$job" --output 'jsonpath={.status.succeeded}/{.status.failed}'
}

# Nothing can be read of a container before it runs, and an image may take its time.
until in_namespace get pods --selector "job-name=$job" --output 'jsonpath={.items[*].status.phase}' | grep -q '[RSF]'; do
    [ $SECONDS -lt 600 ] || {
        echo "error: job $job has not begun after ten minutes: kubectl -n $namespace describe pods --selector job-name=$job" >&2
        exit 1
    }
    sleep 1
done

# The way to what it says may end while it goes on: then it is followed from there, and where it breaks from the last end.
since=
unanswered=0
while [ $unanswered -lt 30 ]; do
    if in_namespace logs --follow ${since:+"--since-time=$since"} "job/$job"; then
        since=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    fi
    sleep 1
    case $(outcome) in
        1/*) exit 0 ;;
        */1) exit 1 ;;
        /) unanswered=0 ;;
        *) unanswered=$((unanswered + 1)) ;;
    esac
done
echo "error: the cluster does not tell how job $job ended" >&2
exit 1
