#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

go build -o "$1/ringbalead" ./examples/ringbalead

expect 1 -- "$1/ringbalead"
contains "$OUT" '5 calls: 3 stored, 1 refused, 1 not sent, 0 unknown'
contains "$OUT" 'Duplicate lead'

echo '[{"caller_id":"+15555550142","first_name":"Pat"}]' >"$1/calls.json"
expect 0 -- "$1/ringbalead" -calls "$1/calls.json"
contains "$OUT" '1 calls: 1 stored, 0 refused, 0 not sent, 0 unknown'
expect 0 -- "$1/ringbalead" -h
expect 2 -- "$1/ringbalead" -calls "$1/missing.json"
expect 2 -- env -u TRACKDRIVE_LEAD_TOKEN "$1/ringbalead" -subdomain acme -traffic-source 11
contains "$ERR" 'TRACKDRIVE_LEAD_TOKEN'
