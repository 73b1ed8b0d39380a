#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

go build -C examples/outbox -o "$1/outbox" .

expect 0 -- "$1/outbox"
contains "$OUT" '2. TrackDrive goes down.'
contains "$OUT" "TrackDrive's ledger: 300 sales, 0 lost, 0 twice"
lacks "$OUT" $'\r'
lacks "$OUT" 'made-up'

expect 0 -- "$1/outbox" -h
expect 2 -- "$1/outbox" -store "$1/conversions.db"
contains "$ERR" '-store goes with -listen'
expect 2 -- env -u TRACKDRIVE_CREDENTIALS "$1/outbox" -listen 127.0.0.1:0
contains "$ERR" 'TRACKDRIVE_CREDENTIALS is not set'
expect 2 -- env TRACKDRIVE_CREDENTIALS='{"acme":"Basic c2VjcmV0OnNlY3JldA=="}' "$1/outbox" -listen 127.0.0.1:0
contains "$ERR" 'OUTBOX_KEY'
lacks "$ERR" 'c2VjcmV0'

# Two processes share a PostgreSQL, and one of them is killed.
expect 0 -- "$1/outbox" -postgres "$TRACKDRIVE_POSTGRES_URL"
contains "$OUT" 'Both have delivered.'
contains "$OUT" "TrackDrive's ledger: 300 sales, 0 lost, 0 twice"
lacks "$OUT" 'made-up'
