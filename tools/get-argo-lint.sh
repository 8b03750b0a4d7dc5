#!/usr/bin/env bash
# Builds tests/argo/lint (Argo's own validation, expressions and packing of a Workflow) once, into
# .tools/argo-lint. It needs Go, and takes some minutes and a gigabyte of Go's cache; the tests that
# use it say so and are skipped where it is not there.
#
#   get-argo-lint.sh          build it where it is not there, or is older than its source
#   get-argo-lint.sh --path   print where it is; exit status 1: it is not there
set -eu
cd "$(dirname "$0")/.."

needs_go=25 # 1.25
to=$PWD/.tools/argo-lint
source=tests/argo/lint

sum() {
    cat "$source"/go.mod "$source"/go.sum "$source"/*.go | sha256sum | cut -d' ' -f1
}

if [ "${1:-}" = --path ]; then
    [ -x "$to/argo-lint" ] && [ "$(cat "$to/version" 2>/dev/null)" = "$(sum)" ] && echo "$to/argo-lint"
    exit
fi
[ -x "$to/argo-lint" ] && [ "$(cat "$to/version" 2>/dev/null)" = "$(sum)" ] && exit 0

minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
if [ "${minor:-0}" -lt "$needs_go" ]; then
    echo "get-argo-lint: Argo's validation needs Go 1.$needs_go or later; its tests are skipped" >&2
    exit 0
fi
mkdir -p "$to"
echo "building Argo's validation for the tests of Workflows (some minutes, once)" >&2
if ! (cd "$source" && GOFLAGS=-mod=readonly go build -trimpath -ldflags '-s -w' -o "$to/argo-lint" .) >"$to/log" 2>&1; then
    tail -5 "$to/log" >&2
    echo "get-argo-lint: it does not build here; its tests are skipped" >&2
    exit 0
fi
rm -f "$to/log"
sum >"$to/version"
