#!/bin/sh
# Starts the fake, runs the tests in this folder, and stops it: for a CI without
# containers. It needs trackdrive and python3.
set -eu
cd "$(dirname "$0")"
trackdrive fake --config fake.yaml --listen 127.0.0.1:8080 &
trap 'kill $!' EXIT
trackdrive fake --health http://127.0.0.1:8080
TRACKDRIVE_URL=http://127.0.0.1:8080 python3 -m unittest -v
