#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

.ci/need curl
go build -o "$1/console" ./examples/console
"$1/console" -listen 127.0.0.1:0 >"$1/console.out" 2>"$1/console.err" &
console=$!
trap 'kill "$console" 2>/dev/null || true' EXIT
for _ in $(seq 200); do [ ! -s "$1/console.out" ] || break; sleep 0.1; done
url=$(head -n 1 "$1/console.out")
page() { curl --fail --silent --show-error --max-time 10 "$url$1"; }

expect 0 -- page 'webhook?name=Broken'
contains "$OUT" '3 mistakes'
expect 0 -- page 'webhook?name=Bids+for+health'
lacks "$OUT" 'made-up-key-of-acme'
expect 0 -- page auction?id=1
contains "$OUT" '<ul class="lanes"'
expect 0 -- page outbox
contains "$OUT" 'sale-4712'
expect 0 -- page sales
contains "$OUT" 'lead-2002'
expect 22 -- page 'sale?id=missing'
expect 22 -- curl --fail --silent --show-error --header 'Host: rebind.example' "$url"
expect 22 -- curl --fail --silent --show-error --header 'X-Forwarded-For: 192.0.2.7' "$url"
kill -TERM "$console"
wait "$console"
expect 2 -- "$1/console" extra
