#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

go build -o "$1/auction" ./examples/auction

expect 0 -- "$1/auction"
contains "$OUT" 'bids acme/fast: Buyer A 18.00'
contains "$OUT" 'end deadline, bids: 3'
contains "$OUT" 'globex/slow: Buyer C 42.00: rejected: Buyer is no longer available'
contains "$OUT" 'acme/fast: Buyer B 9.50: below_minimum'
contains "$OUT" 'acme/broken: error: '
contains "$OUT" '502 server error'
contains "$OUT" 'globex/picky: no_buyer: No buyers are available'
contains "$OUT" 'globex/asleep: timeout (outcome unknown)'
contains "$OUT" 'Sold to globex/slow: Buyer D 31.25. Dial +1555555'
lacks "$OUT" $'\e'

expect 0 -- "$1/auction" -grace 10ms -timeout 10s
contains "$OUT" 'end grace, bids: 1'
contains "$OUT" 'globex/slow: cut_off'
contains "$OUT" 'Sold to acme/fast: Buyer A 18.00.'

expect 1 -- "$1/auction" -timeout 20ms
contains "$OUT" 'acme/fast: timeout'
contains "$OUT" '(deadline).'
contains "$OUT" 'Not sold: no bid after '

expect 1 -- "$1/auction" -caller 12
contains "$OUT" 'caller_id: is not a valid phone number'

for wrong in -wrong -timeout=soon -timeout=0s -grace=-1s -caller= sell; do
	expect 2 -- "$1/auction" "$wrong"
	contains "$ERR" 'usage: auction '
	[ ! -s "$OUT" ] || fail "$wrong prints to stdout"
done

expect 0 -- "$1/auction" -h
contains "$ERR" 'Exit status: 0 sold'
