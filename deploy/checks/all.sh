#!/usr/bin/env bash
# Checks everything that is declared and not run: in deploy, and for GitHub. What it needs it installs in target/tools.
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

for check in workflows dockerfiles compose rules manifests; do
    echo "$check"
    "$TOP/deploy/checks/$check.sh"
done
