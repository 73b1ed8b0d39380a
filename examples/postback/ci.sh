#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

go build -o "$1/postback" ./examples/postback

expect 0 -- "$1/postback"
contains "$OUT" 'call 7c9e6679-0000-4000-8000-000000000001 of acme is kept: true'
contains "$OUT" '403 forbidden'
contains "$OUT" 'acme/7c9e6679-0000-4000-8000-000000000001 update_call map[buyer_converted:true offer_converted:true revenue:25.50]'
lacks "$OUT" 'made-up'

expect 0 -- "$1/postback" -h
expect 2 -- env -u TRACKDRIVE_CREDENTIALS "$1/postback" -listen 127.0.0.1:0
contains "$ERR" 'set TRACKDRIVE_CREDENTIALS'
expect 2 -- env -u POSTBACK_KEY TRACKDRIVE_CREDENTIALS='{"acme":"Basic c2VjcmV0OnNlY3JldA=="}' "$1/postback" -listen 127.0.0.1:0
contains "$ERR" 'POSTBACK_KEY'
lacks "$ERR" 'c2VjcmV0'
