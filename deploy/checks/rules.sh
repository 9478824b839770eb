#!/usr/bin/env bash
# Prometheus takes the rules, alerts come when they have to, and each is tested and has its entry in the runbook.
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
scratch
cd "$TOP/deploy/prometheus"

# promtool_says WHAT ARGUMENT...
promtool_says() {
    local what=$1
    shift
    promtool "$@" >"$SCRATCH/said" 2>&1 || fail "$what: $(<"$SCRATCH/said")"
    passed "$what"
}

for config in prometheus.yml compose.yml; do
    promtool_says "deploy/prometheus/$config and its rules" check config "$config"
done
promtool_says "deploy/prometheus/alerts.test.yml" test rules alerts.test.yml
python ../checks/rules.py alerts.rules.yml alerts.test.yml ../../docs/runbook.md
