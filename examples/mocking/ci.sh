#!/usr/bin/env bash
# Runs the package's tests as its reader would.
set -euo pipefail
. .ci/lib.sh

expect 0 -- go test -count=1 ./examples/mocking
