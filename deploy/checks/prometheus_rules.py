"""The PrometheusRules that are read from standard input have the groups of deploy/prometheus, all and unchanged."""

import sys
from pathlib import Path

import yaml

rules = list(yaml.safe_load_all(sys.stdin))
files = [yaml.safe_load((Path(sys.argv[1]) / f"{name}.rules.yml").read_text()) for name in ["recording", "alerts"]]
kinds = {(rule["apiVersion"], rule["kind"]) for rule in rules}
if kinds != {("monitoring.coreos.com/v1", "PrometheusRule")} or [rule["spec"] for rule in rules] != files:
    sys.exit("error: components/monitoring-operator/rules.sh prints other rules than deploy/prometheus has")
print(f"  ok: {len(rules)} PrometheusRules have the rules of deploy/prometheus")
