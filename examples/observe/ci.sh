#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

go build -C examples/observe -o "$1/observe" .
expect 0 -- "$1/observe"
contains "$OUT" 'span "trackdrive ping" trackdrive.outcome=accepted trackdrive.attempts=2'
contains "$OUT" 'span "sell" source=sell payout=25.50'
contains "$OUT" '(all)   6      6        3         3     3      3     0 '
contains "$OUT" 'best bids   84.00  then 76.50'
contains "$OUT" 'trackdrive_sold_total{buyer="Buyer A",source="sell"} 3'
contains "$OUT" 'trackdrive_revenue_total{buyer="Buyer A",source="sell"} 76.5'
lacks "$OUT" '555014'
expect 0 -- "$1/observe" -h
expect 2 -- "$1/observe" -x
expect 2 -- "$1/observe" extra
expect 1 -- "$1/observe" -listen nowhere
