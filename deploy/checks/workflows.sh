#!/usr/bin/env bash
# Workflows of GitHub Actions are as actionlint wants them, and run targets that the Makefile has.
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
cd "$TOP"

for file in .github/workflows/*.yml; do
    actionlint "$file" || fail "$file is not as it should be"
    for target in $(sed -n 's/^ *- run: make \([a-z-]*\)$/\1/p' "$file"); do
        grep -q "^$target:" Makefile || fail "$file: the Makefile has no target $target"
    done
    passed "$file"
done
