#!/usr/bin/env bash
# Runs the cluster's tests on the cluster of KUBECONFIG; without one, on a node that is started for
# them and removed after (--keep leaves it). Ends with `N passed, N failed`.
#
#   run.sh [--keep] [--bench] [CASE...]     CASE: node, runs, faults, … (case_*.py); all without one.
#                                           With --bench they are bench/cluster/run.py's options
#
# On a cluster of your own DHOW_CLUSTER_LOAD brings an image's archive into it
# (DHOW_CLUSTER_LOAD='kind load image-archive'); it needs Argo Workflows in the namespace `dhow`.
set -eu
cd "$(dirname "$0")/../.."

keep= bench= cases=
for word in "$@"; do
    case $word in
        --keep) keep=1 ;;
        --bench) bench=1 ;;
        *) cases="$cases $word" ;;
    esac
done
if [ -z "${KUBECONFIG:-}" ]; then
    tools/install-deps.sh cluster
    tools/get-kubernetes.sh
    python3 tests/cluster/cluster.py status >/dev/null 2>&1 && keep=1
    [ "$keep" ] || trap 'python3 tests/cluster/cluster.py down' EXIT
    eval "export $(python3 tests/cluster/cluster.py up)"
    export DHOW_CLUSTER_OWN=1
fi
export PYTHONPATH=tests:tests/cluster DHOW="${DHOW:-build/dhow}"
if [ "$bench" ]; then
    .venv/bin/python bench/cluster/run.py $cases
    exit
fi
[ "$cases" ] || cases=$(cd tests/cluster && ls case_*.py | sed 's/case_\(.*\)\.py/\1/')
passed=0 failed=0
out=$(mktemp)
for name in $cases; do
    echo "== $name"
    status=0
    .venv/bin/python "tests/cluster/case_$name.py" >"$out" || status=$?
    cat "$out"
    good=$(grep -c '^ok' "$out" || true) bad=$(grep -c '^not ok' "$out" || true)
    [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
    passed=$((passed + good)) failed=$((failed + bad))
done
rm -f "$out"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
