#!/usr/bin/env bash
# deploy/compose.yml is what the Compose Specification allows, and with each of its profiles whatever is named is there.
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
scratch
cd "$TOP/deploy"

compose_go -format json compose.yml >"$SCRATCH/compose.json" 2>"$SCRATCH/errors" || fail "compose.yml: $(<"$SCRATCH/errors")"
python checks/compose.py "$SCRATCH/compose.json" prometheus/compose.yml

# A check that takes everything would be none.
sed 's/restart: unless-stopped/restrat: unless-stopped/' compose.yml >"$SCRATCH/misspelt.yml"
if compose_go "$SCRATCH/misspelt.yml" >/dev/null 2>&1; then
    fail "a misspelt key in a compose file is not refused"
fi
passed "compose: a misspelt key is refused"
