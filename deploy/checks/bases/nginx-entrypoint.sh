#!/bin/sh
# Fills in every template from the environment, then runs what it is told.
set -eu
output="${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}"
# Only variables that there are: nginx has some of its own.
known=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/${\1}/p')
for template in /etc/nginx/templates/*.template; do
    envsubst "$known" < "$template" > "$output/$(basename "$template" .template)"
done
exec "$@"
