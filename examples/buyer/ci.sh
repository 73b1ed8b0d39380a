#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

go build -C examples/buyer -o "$1/buyer" .

expect 0 -- "$1/buyer"
contains "$OUT" 'the buyer bids 25.50, for a call of 1m30s or more'
contains "$OUT" 'kept call 7c9e6679-0000-4000-8000-000000000001 of acme'
contains "$OUT" 'acme says: call 7c9e6679-0000-4000-8000-000000000001, revenue 25.50'
contains "$OUT" 'acme/7c9e6679-0000-4000-8000-000000000001 update_call map[buyer_converted:true revenue:25.50]'
lacks "$OUT" '5555550142'
lacks "$OUT" 'made-up'

expect 0 -- "$1/buyer" -instructions
contains "$OUT" 'webhook_path_revenue'
expect 0 -- "$1/buyer" -h
expect 2 -- env -u TRACKDRIVE_CREDENTIALS "$1/buyer" -listen 127.0.0.1:0
contains "$ERR" 'TRACKDRIVE_CREDENTIALS is not set'
expect 2 -- env TRACKDRIVE_CREDENTIALS='{"acme":"Basic c2VjcmV0OnNlY3JldA=="}' "$1/buyer" -listen 127.0.0.1:0
contains "$ERR" 'BUYER_SECRET'
lacks "$ERR" 'c2VjcmV0'
