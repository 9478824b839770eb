"""Each alert is expected by a test, and its runbook_url names an entry of the runbook."""

import re
import sys

import yaml

RUNBOOK = "docs/runbook.md"


def anchor(heading):
    """What GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def main(rules_file, tests_file, runbook_file):
    with open(rules_file) as file:
        alerts = [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]
    with open(tests_file) as file:
        tests = [test for case in yaml.safe_load(file)["tests"] for test in case.get("alert_rule_test", [])]
    with open(runbook_file) as file:
        headings = re.findall(r"^## (.+)$", file.read(), re.MULTILINE)
    anchors = {f"{RUNBOOK}#{anchor(heading)}" for heading in headings}
    expected = {test["alertname"] for test in tests if test.get("exp_alerts")}
    names = [alert["alert"] for alert in alerts]

    for alert in alerts:
        name = alert["alert"]
        if name not in expected:
            return f"no test of {tests_file} expects {name}"
        if alert["annotations"].get("runbook_url") not in anchors:
            return f"{name}: its runbook_url names no entry of {RUNBOOK}"
        if alert["annotations"]["runbook_url"] != f"{RUNBOOK}#{anchor(name)}":
            return f"{name}: its runbook_url names another alert's entry"
        if alert["labels"].get("severity") not in {"page", "ticket"}:
            return f"{name}: its severity is neither page nor ticket"
        print(f"  ok: {name} is tested, and has its entry in the runbook")
    for heading in headings:
        if heading not in names:
            return f"{RUNBOOK} has an entry for {heading}, which is no alert"
    return None


if fault := main(*sys.argv[1:]):
    sys.exit(f"error: {fault}")
