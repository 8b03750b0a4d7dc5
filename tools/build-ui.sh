#!/usr/bin/env bash
# Builds the page from the lock file's packages; the same sources give the same bytes.
#   build-ui.sh OUT        into this folder
#   build-ui.sh packages   only the packages: tests need them too
set -eu
[ "$1" = packages ] || out=$(realpath -m "$1")
cd "$(dirname "$0")/../ui"
if ! command -v npm >/dev/null 2>&1; then
    echo "build-ui: needs node 18 or later with npm (Debian: apt-get install nodejs npm)" >&2
    exit 1
fi
# npm ci only where the lock file is another one than that of what is installed.
stamp=node_modules/.lock-digest
want=$(sha256sum package-lock.json)
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$want" ]; then
    npm ci --no-audit --no-fund --loglevel=error >&2
    printf '%s\n' "$want" >"$stamp"
fi
[ "$1" = packages ] || node_modules/.bin/vite build --logLevel warn --outDir "$out" --emptyOutDir >&2
