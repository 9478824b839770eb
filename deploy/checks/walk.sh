#!/usr/bin/env bash
# Walks the README's walk on a platform that runs somewhere, and looks at what each step answers.
#
#   walk.sh before|after
#
# `before` goes up to where the platform is ended, `after` goes on when it is there again. Where things are is told by
# variables: BASE (the API of both services), HTTPS (the event service's), METRICS (the booking service's), MYEVENTS (how
# to run its commands), FOLDER (for what the walk writes; the same for both).
set -euo pipefail
: "${BASE:?}" "${HTTPS:?}" "${METRICS:?}" "${MYEVENTS:?}" "${FOLDER:?}"
README=$(dirname "$0")/../../README.md
# How long what is derived may take.
PATIENCE=20

fail() {
    echo "error: $*" >&2
    exit 1
}

# The blocks of the chapter, each in a file of its own, with the places that are meant here.
awk -v folder="$FOLDER" '
    /^## / { inside = /^## A walk$/ }
    /^```/ { block = inside && /^```bash$/; if (block) file = sprintf("%s/step-%d", folder, ++count); next }
    inside && block { print > file }
' "$README"
sed -i -e "s#/tmp/#$FOLDER/#g; s#http://127.0.0.1:8181#$BASE#; s#http://127.0.0.1:9101#$METRICS#" \
    -e "s#https://127.0.0.1:9191#$HTTPS#; s#target/release/myevents#$MYEVENTS#" "$FOLDER"/step-*
STEPS=14
found=$(find "$FOLDER" -name 'step-*' | wc -l)
[ "$found" -eq "$STEPS" ] || fail "the README's walk has $found steps, and this script knows $STEPS"

# In this shell, because steps build on variables of those before.
step() { eval "$(cat "$FOLDER/step-$1")" >"$FOLDER/answer" </dev/null; }
# Filters see the answer as one string, `$values` as what JSON values it consists of.
so() {
    local values
    values=$(jq --slurp . "$FOLDER/answer" 2>/dev/null) || values=null
    jq --exit-status --raw-input --slurp --argjson values "$values" "$1" "$FOLDER/answer" >/dev/null
}
wrong() {
    { cat "$FOLDER/step-$1" && echo "answered:" && cat "$FOLDER/answer"; } >&2
    fail "step $1 of the walk is to answer: $2"
}

# does STEP FILTER: it is so at once.
does() {
    step "$1" || wrong "$1" "$2"
    so "$2" || wrong "$1" "$2"
}

# comes_to STEP FILTER: it only reads, and what it reads may take a moment.
comes_to() {
    local until=$((SECONDS + PATIENCE))
    until step "$1" && so "$2"; do
        [ "$SECONDS" -lt "$until" ] || wrong "$1" "$2"
        sleep 0.5
    done
}

case ${1:-} in
    before)
        does 1 '$values[0] | .name == "West Street Opera House" and .halls[0].capacity == 10'
        does 2 'test("^[0-9a-f-]{36} [^ ]+\n$")'
        does 3 '$values == [{name: "Aida", start_time: "2030-06-01T18:00:00Z", end_time: "2030-06-01T20:30:00Z", capacity: 10}]'
        does 4 '$values[0] | .event_name == "Aida" and .seats == 2 and .status == "booked"'
        does 5 '[$values[0].items[] | [.user_id, .seats]] == [["guest", 2]]'
        comes_to 6 '[$values[].seats_booked] | length == 2 and add == 2'
        does 7 '[$values[:3][] | .[2:]] == [["event.created", null], ["inventory.opened", 10], ["event.booked", 8]]
            and ($values[3] | .seats_sold == 0 and .seats_left == 10)'
        does 8 'test("event: availability\ndata: .*\"seats_left\":8,") and test("event: event.booked\ndata: .*\"seats\":2")'
        does 9 '$values[0] == 409 and $values[1].seats_left == 8'
        does 10 'rtrimstr("\n") | split("\n") | length == 2 and .[0] == .[1] and (.[0] | length == 36)'
        comes_to 11 'test("^myevents_bookings_count.* 3\n") and test("\"seats_sold\": 3,\n *\"seats_left\": 7,")'
        ;;
    after)
        EVENT=$(jq --raw-output .id "$FOLDER/event.json")
        comes_to 12 '$values == [{name: "Aida", seats_sold: 3, seats_left: 7}]'
        does 13 'test("\nseats booked +3\n") and endswith("\nEverything agrees.\n")'
        does 14 'contains("\nThe new views are live.\n") and test("\nbookings +2 .* same\n")'
        # What was built anew says the same.
        does 12 '$values == [{name: "Aida", seats_sold: 3, seats_left: 7}]'
        ;;
    *) fail "walk.sh before, or walk.sh after" ;;
esac
