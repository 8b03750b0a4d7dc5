#!/usr/bin/env bash
# Builds the MinIO server that the tests of S3 talk to, by the ordinary `go install`, once: into
# .tools/minio. Without a Go that is new enough the tests that need it say so and are skipped.
#
#   get-minio.sh          build it where it is not there; prints nothing
#   get-minio.sh --path   print where it is; exit status 1: it is not there
set -eu
cd "$(dirname "$0")/.."

version=v0.0.0-20260212201848-7aac2a2c5b7c
needs_go=24 # 1.24
to=$PWD/.tools/minio

if [ "${1:-}" = --path ]; then
    [ -x "$to/minio" ] && echo "$to/minio"
    exit
fi
[ "$(cat "$to/version" 2>/dev/null)" = "$version" ] && [ -x "$to/minio" ] && exit 0

minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
if [ "${minor:-0}" -lt "$needs_go" ]; then
    echo "get-minio: the tests of S3 need MinIO, and that needs Go 1.$needs_go or later; they are skipped" >&2
    exit 0
fi
mkdir -p "$to"
echo "building MinIO for the tests of S3 (a few minutes, once)" >&2
if ! GOFLAGS= GOBIN=$to go install "github.com/minio/minio@$version" >"$to/log" 2>&1; then
    tail -5 "$to/log" >&2
    echo "get-minio: MinIO does not build here; the tests of S3 are skipped" >&2
    exit 0
fi
rm -f "$to/log"
echo "$version" >"$to/version"
