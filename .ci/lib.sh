# What the scripts of the examples share. Source it with OUT and ERR unset.
# shellcheck shell=bash

OUT=$(mktemp)
ERR=$(mktemp)

fail() {
	printf 'FAIL: %s\n' "$1" >&2
	if [ -s "$OUT" ]; then printf -- '--- stdout\n' >&2; cat "$OUT" >&2; fi
	if [ -s "$ERR" ]; then printf -- '--- stderr\n' >&2; cat "$ERR" >&2; fi
	exit 1
}

# expect STATUS -- COMMAND... runs the command and checks its exit status. What
# it prints is in $OUT and $ERR.
expect() {
	local want=$1 got=0
	shift 2
	"$@" >"$OUT" 2>"$ERR" || got=$?
	[ "$got" -eq "$want" ] || fail "$* ended with $got, not $want"
}

# contains FILE TEXT and lacks FILE TEXT look for a text, literally.
contains() { grep -qF -- "$2" "$1" || fail "$1 does not contain: $2"; }
lacks() { ! grep -qF -- "$2" "$1" || fail "$1 contains: $2"; }
