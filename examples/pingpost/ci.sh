#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

go build -o "$1/pingpost" ./examples/pingpost

expect 0 -- "$1/pingpost"
contains "$OUT" 'Posting to Buyer B for 32.50.'
contains "$OUT" 'Sold. Dial +1555555'
contains "$OUT" 'post, attempt 1: status 200, answered'

expect 0 -- "$1/pingpost" -all
contains "$OUT" 'Posting to all buyers in order.'

expect 0 -- "$1/pingpost" -buyer 'Buyer A' -accept examples/pingpost/criteria.json
contains "$OUT" 'Posting to Buyer A for 25.00.'
contains "$OUT" 'accepted: buyers.0.offer_conversion_payout greater than 20.00: got '

expect 1 -- "$1/pingpost" -min-payout 100
contains "$OUT" 'Not sold: no bid fits the flags.'

expect 2 -- "$1/pingpost" -subdomain evil.example/
contains "$ERR" 'subdomain: "evil.example/" is another host; give'

expect 2 -- "$1/pingpost" -all -min-payout 20.00
contains "$ERR" '-all leaves the choice to TrackDrive'

expect 0 -- "$1/pingpost" -h
contains "$ERR" 'TRACKDRIVE_CREDENTIALS'

expect 2 -- env TRACKDRIVE_CREDENTIALS=c2VjcmV0OnNlY3JldA== "$1/pingpost" -subdomain acme
contains "$ERR" 'TRACKDRIVE_CREDENTIALS: trackdrive: invalid argument: credentials: are a ready-made token without a scheme; give "Basic " before it'
lacks "$ERR" 'c2VjcmV0'
