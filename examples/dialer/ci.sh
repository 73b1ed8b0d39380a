#!/usr/bin/env bash
# Runs the program as its reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

go build -C examples/dialer -o "$1/dialer" .

# proves checks the end of a story with three kills.
proves() {
	contains "$OUT" 'kill -9 '
	contains "$OUT" 'Kills: 3, restarts by SIGTERM: 1, posts a second: '
	contains "$OUT" '(p50), '
	contains "$OUT" 'to retreaver'
	contains "$OUT" 'sold twice: 0    sold, not recorded: 0    recorded, not sold: 0'
	lacks "$OUT" $'\r'
	lacks "$OUT" '55501'
}

expect 0 -- "$1/dialer" -leads 120 -kills 3
proves
contains "$OUT" 'A dialer with a file offers 120 leads'

expect 0 -- "$1/dialer" -h
contains "$ERR" 'usage: dialer '
expect 2 -- "$1/dialer" -store "$1/sales.db"
contains "$ERR" '-store goes with -market'
printf 'id,caller,zip\nlead-1,555-0142,\n' >"$1/leads.csv"
expect 2 -- "$1/dialer" -list "$1/leads.csv"
contains "$ERR" 'leads.csv: line 2: caller: "555-0142" is not a phone number'

# Three dialers share a PostgreSQL.
expect 0 -- "$1/dialer" -leads 120 -kills 3 -postgres "$TRACKDRIVE_POSTGRES_URL"
proves
contains "$OUT" '3 dialers with one PostgreSQL and one list offer 120 leads'
