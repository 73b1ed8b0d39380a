#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

go build -o "$1/market" ./examples/market

expect 0 -- "$1/market"
contains "$OUT" 'lost: acme: Buyer B 9.50: below_minimum'
contains "$OUT" 'retreaver-like: '
contains "$OUT" 'Dial +15555550127.'

expect 2 -- "$1/market" -auction nowhere.json
contains "$ERR" 'nowhere.json'
expect 2 -- "$1/market" sell
contains "$ERR" 'unexpected argument "sell"'
