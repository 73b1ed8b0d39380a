#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

go build -C examples/observe -o "$1/observe" .
expect 0 -- "$1/observe"
contains "$OUT" 'span "trackdrive ping" trackdrive.outcome=accepted trackdrive.attempts=2'
contains "$OUT" 'span "sell" buyer=Buyer A payout=25.50'
expect 0 -- "$1/observe" -h
expect 2 -- "$1/observe" -x
expect 2 -- "$1/observe" extra
