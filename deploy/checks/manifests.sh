#!/usr/bin/env bash
# Each overlay of deploy/kubernetes can be built, is what Kubernetes' schemas allow, and holds together.
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
scratch

build_overlays "$SCRATCH"
kubernetes_schemas "$SCRATCH/schemas"

for overlay in "$SCRATCH"/*.yaml; do
    name=$(basename "$overlay" .yaml)
    # There is no schema of what the Prometheus Operator reads; manifests.py looks at that.
    kubeconform -strict -summary -skip ServiceMonitor -schema-location "$SCRATCH/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json" \
        "$overlay" >"$SCRATCH/said" 2>&1 || fail "overlay $name: $(grep -v '^Summary' "$SCRATCH/said")"
    passed "$name: $(tail -n 1 "$SCRATCH/said")"
    python "$TOP/deploy/checks/manifests.py" "$name" "$overlay"
done

python "$TOP/deploy/checks/prometheus_rules.py" "$TOP/deploy/prometheus" \
    < <("$TOP/deploy/kubernetes/components/monitoring-operator/rules.sh")
