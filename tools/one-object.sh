#!/bin/sh
# Makes one object file of many, for a static library that goes into other people's programs: only
# names that begin with dhow_ are seen, so that no other can clash with theirs.
#   one-object.sh OUTPUT COMPILER NAME ARCHIVE...
# NAME and what it calls for is taken.
set -eu
output=$1 compiler=$2 name=$3
shift 3
# shellcheck disable=SC2086
$compiler -r -nostdlib -o "$output.all" -Wl,-u,"$name" -Wl,--start-group "$@" -Wl,--end-group
objcopy --strip-debug -w --keep-global-symbol='dhow_*' "$output.all" "$output"
rm -f "$output.all"
