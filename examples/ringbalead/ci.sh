#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

go build -o "$1/ringbalead" ./examples/ringbalead

expect 1 -- "$1/ringbalead"
contains "$OUT" '5 calls: 3 stored, 2 refused, 0 unknown'
contains "$OUT" 'Duplicate'

echo '[{"caller_id":"+15555550142"}]' >"$1/calls.json"
expect 0 -- "$1/ringbalead" -calls "$1/calls.json"
expect 2 -- "$1/ringbalead" -calls "$1/missing.json"
