#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

go build -o "$1/postback" ./examples/postback

expect 0 -- "$1/postback"
contains "$OUT" 'kept call 7c9e6679-0000-4000-8000-000000000001 of acme'
contains "$OUT" 'converted true, revenue 25.50, 1 update'

expect 2 -- env -u TRACKDRIVE_CREDENTIALS "$1/postback" -listen 127.0.0.1:0
contains "$ERR" 'TRACKDRIVE_CREDENTIALS'
