#!/usr/bin/env bash
# Takes the objects of libc.a of whose use in a static program the linker warns, without the warnings, into one object.
# The launcher may use them: it names its sources of addresses itself (src/launch/main.c), and loads no module.
# The linker's own way to be silent (--no-warnings) hides undefined symbols as well.
#   quiet-libc.sh OUT.o COMPILER…
set -eu
out=$(realpath "$1")
shift
libc=$("$@" -print-file-name=libc.a)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# shellcheck disable=SC2046
ar x "$libc" $(nm -A "$libc" 2>/dev/null | sed -nE 's/^.*:([^:]+\.o):.* [TW] (getaddrinfo|gethostbyname|dlopen)$/\1/p' | sort -u)
for object in *.o; do
    objcopy -w --remove-section '.gnu.warning.*' "$object"
done
ld -r -o "$out" ./*.o
