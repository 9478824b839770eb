#!/usr/bin/env bash
# Dockerfiles are as hadolint wants them. What one of them has to do otherwise it says there, with a `hadolint ignore`.
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
cd "$TOP"

for file in deploy/images/*.Dockerfile; do
    hadolint --failure-threshold style "$file" || fail "$file is not as it should be"
    passed "$file"
done
