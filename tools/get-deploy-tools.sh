#!/usr/bin/env bash
# Gets what looks at deploy/ as its users' tools do, once, into .tools/deploy: helm, kustomize and actionlint by the ordinary
# `go install`, check-jsonschema (with GitLab's and GitHub's schemas) by pip. Some minutes on two cores; what is there stays.
set -eu
cd "$(dirname "$0")/.."

needs_go=26 # helm's
to=$PWD/.tools/deploy
modules="helm.sh/helm/v3/cmd/helm@v3.22.0 sigs.k8s.io/kustomize/kustomize/v5@v5.7.1 github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
schemas=check-jsonschema==0.39.0

mkdir -p "$to/bin"
minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
if [ "${minor:-0}" -lt "$needs_go" ]; then
    echo "get-deploy-tools: helm, kustomize and actionlint need Go 1.$needs_go or later; their tests are skipped" >&2
    modules=
fi
for module in $modules; do
    name=$(basename "${module%/v5@*}") name=${name%@*}
    [ -x "$to/bin/$name" ] && [ "$(cat "$to/.$name" 2>/dev/null)" = "$module" ] && continue
    echo "building $name for the tests of deploy/ (once)" >&2
    GOFLAGS= CGO_ENABLED=0 GOBIN=$to/bin go install -trimpath "$module" >"$to/log" 2>&1 || { tail -5 "$to/log" >&2; exit 1; }
    echo "$module" >"$to/.$name"
done
if [ "$(cat "$to/.schemas" 2>/dev/null)" != "$schemas" ]; then
    python3 -m venv "$to/venv"
    "$to/venv/bin/pip" install --quiet --disable-pip-version-check "$schemas"
    ln -sf ../venv/bin/check-jsonschema "$to/bin/"
    echo "$schemas" >"$to/.schemas"
fi
