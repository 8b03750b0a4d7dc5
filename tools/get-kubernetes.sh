#!/usr/bin/env bash
# Builds what the test cluster runs from Go modules, once, into .tools/kubernetes: one program that is
# etcd, the API server, controllers, scheduler, kubelet, proxy and kubectl (tests/cluster/node), Argo's
# controller and executor, a small CoreDNS (tests/cluster/dns), and what enforces network policies. The first time takes
# about half an hour on two cores.
#
#   get-kubernetes.sh          build what is not there; prints nothing on stdout
#   get-kubernetes.sh --path   print where it is; exit status 1: it is not all there
set -eu
cd "$(dirname "$0")/.."

kubernetes=v1.35.4
argo=v4.0.7
coredns=v1.12.4 # as tests/cluster/dns/go.mod has it; kubernetes: tests/cluster/node/go.mod
policies=v0.8.0
needs_go=25 # 1.25
to=$PWD/.tools/kubernetes
all="node workflow-controller argoexec coredns policies"

there() {
    for program in $all; do
        [ -x "$to/$program" ] || return 1
    done
    [ "$(cat "$to/version" 2>/dev/null)" = "$kubernetes $argo $coredns $policies" ]
}

if [ "${1:-}" = --path ]; then
    there && echo "$to"
    exit
fi
there && exit 0

minor=$(go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
if [ "${minor:-0}" -lt "$needs_go" ]; then
    echo "get-kubernetes: the test cluster is built from Go modules, and that needs Go 1.$needs_go or later" >&2
    exit 1
fi
mkdir -p "$to"
export GOFLAGS= CGO_ENABLED=0 GOBIN="$to"

# Each program that is there of the right version stays: a build that was broken off goes on.
build() {
    name=$1 version=$2
    shift 2
    [ -x "$to/$name" ] && [ "$(cat "$to/.$name" 2>/dev/null)" = "$version" ] && return
    echo "building $name $version for the test cluster (minutes, once)" >&2
    if ! "$@" >"$to/log" 2>&1; then
        tail -5 "$to/log" >&2
        echo "get-kubernetes: $name does not build here" >&2
        exit 1
    fi
    echo "$version" >"$to/.$name"
}

at=k8s.io/component-base/version
named="-X $at.gitVersion=$kubernetes -X $at.gitMajor=1 -X $at.gitMinor=${kubernetes:3:2} -X k8s.io/client-go/pkg/version.gitVersion=$kubernetes"
build node "$kubernetes" go build -C tests/cluster/node -trimpath -ldflags "-s -w $named" -o "$to/node" .
module=github.com/argoproj/argo-workflows/v4
build workflow-controller "$argo" go install -trimpath -ldflags "-s -w -X $module.version=$argo" "$module/cmd/workflow-controller@$argo"

# A file of the executor is a symbolic link in Argo's repository, and a Go module holds none: it is
# put back in a copy of the module.
executor() {
    copy=$(mktemp -d)
    cp -r "$(cd / && go mod download -json "$module@$argo" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')/." "$copy"
    chmod -R u+w "$copy"
    cp "$copy/workflow/executor/osspecific/signal_darwin.go" "$copy/workflow/executor/osspecific/signal_linux.go"
    status=0
    go build -C "$copy" -trimpath -ldflags "-s -w -X $module.version=$argo" -o "$to/argoexec" ./cmd/argoexec || status=$?
    rm -rf "$copy"
    return "$status"
}
build argoexec "$argo" executor
build coredns "$coredns" go build -C tests/cluster/dns -trimpath -ldflags "-s -w" -o "$to/coredns" .

# Its package is named 'cmd', and a program is named as its package.
policies() {
    GOBIN=$to/bin go install -trimpath -ldflags "-s -w" "sigs.k8s.io/kube-network-policies/cmd@$policies" && mv "$to/bin/cmd" "$to/policies" && rmdir "$to/bin"
}
build policies "$policies" policies
rm -f "$to/log"
echo "$kubernetes $argo $coredns $policies" >"$to/version"
