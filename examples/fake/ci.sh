#!/usr/bin/env bash
# Runs the tests in Python as their reader would. $1 is a scratch directory.
set -euo pipefail
. .ci/lib.sh

.ci/need python3
export PYTHONDONTWRITEBYTECODE=1
LOG=$1/fake.log

# As the Dockerfile builds it.
GOWORK= CGO_ENABLED=0 go build -C cmd/trackdrive -trimpath -ldflags=-s -o "$1/trackdrive" .
contains examples/fake/Dockerfile 'CGO_ENABLED=0 go build -C cmd/trackdrive -trimpath -ldflags=-s -o /trackdrive .'

# start COMMAND... starts a fake, and sets PID and URL.
start() {
	: >"$LOG"
	"$@" >"$LOG" 2>"$ERR" &
	PID=$!
	local try
	for try in $(seq 200); do
		URL=$(sed -n 's/^.*: listening on //p' "$LOG")
		[ -z "$URL" ] || return 0
		sleep 0.05
	done
	fail "the fake does not start (try $try)"
}

# stop stops it; its status must be 0.
stop() {
	kill -TERM "$PID"
	wait "$PID" || fail "the fake ended with $?"
	PID=
}
trap '[ -z "${PID:-}" ] || kill "$PID"' EXIT

start "$1/trackdrive" fake --config examples/fake/fake.yaml --listen 127.0.0.1:0
expect 0 -- "$1/trackdrive" fake --health "$URL"
contains "$OUT" 'ready'
expect 0 -- env TRACKDRIVE_URL="$URL" python3 -m unittest discover -v -s examples/fake
contains "$ERR" 'Ran 6 tests'
contains "$ERR" 'OK'
stop

# The script for a CI without containers, with the port that it names if that is free.
if ! (exec 3<>/dev/tcp/127.0.0.1/8080) 2>/dev/null; then
	expect 0 -- env PATH="$1:$PATH" sh examples/fake/test.sh
	contains "$ERR" 'OK'
	contains "$OUT" 'ready'
fi

# The image has nothing but the binary.
if [ "$(id -u)" -eq 0 ]; then
	mkdir -p "$1/image"
	cp "$1/trackdrive" examples/fake/fake.yaml "$1/image"
	start chroot "$1/image" /trackdrive fake --listen 127.0.0.1:0 --config /fake.yaml
	expect 0 -- chroot "$1/image" /trackdrive fake --health "$URL"
	stop
fi

expect 0 -- "$1/trackdrive" fake --config examples/fake/fake.yaml --check
contains "$OUT" 'ok: companies: 1, endpoints: 1, buyers: 2'
printf 'companies:\n  acme:\n    endpoint: {}\n' >"$1/broken.yaml"
expect 2 -- "$1/trackdrive" fake --config "$1/broken.yaml"
contains "$ERR" 'broken.yaml:3:5: companies.acme.endpoint: is unknown; did you mean "endpoints"?'
