#!/usr/bin/env bash
# Prints the rules of deploy/prometheus as PrometheusRules, which the Prometheus Operator reads. RUNBOOK says where the runbook is.
set -euo pipefail

rules=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../../prometheus" && pwd)

for name in recording alerts; do
    cat <<HEAD
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: myevents-$name
  labels: { app.kubernetes.io/part-of: myevents }
spec:
HEAD
    sed -e 's/^/  /' -e "s|docs/runbook.md|${RUNBOOK:-docs/runbook.md}|" "$rules/$name.rules.yml"
done
