#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

go build -o "$1/webhook" ./examples/webhook

expect 0 -- "$1/webhook"
contains "$OUT" 'accepted: buyers.0.offer_conversion_payout|bid_price|bid|payout greater than 0: got 25.50'

for preset in callgrid_bid ringba_pixel call_postback ringba_conversion; do
	expect 0 -- "$1/webhook" -config "examples/webhook/$preset.json" -preview
	contains "$OUT" 'https://'
	expect 0 -- "$1/webhook" -config "examples/webhook/$preset.json"
	contains "$OUT" 'Decision: accepted'
done

echo '{}' >"$1/values.json"
expect 2 -- "$1/webhook" -values "$1/values.json"
contains "$ERR" 'tag:CallerId'

for config in xml_ping_tree plain_text form; do
	expect 0 -- "$1/webhook" -config "examples/webhook/$config.json" -lint
	contains "$OUT" 'no weaknesses'
done
expect 0 -- "$1/webhook" -config examples/webhook/xml_ping_tree.json -explain examples/webhook/replies/matched.xml
contains "$OUT" 'accepted: response.bids.bid.0.seller_lead_bid greater than 0: got "19.50"'
expect 1 -- "$1/webhook" -config examples/webhook/xml_ping_tree.json -explain examples/webhook/replies/unmatched.xml
