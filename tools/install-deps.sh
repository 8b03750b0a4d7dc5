#!/usr/bin/env bash
# Installs the Debian packages that dhow needs, and only those that are missing; at once done where
# all are there. Needs root or sudo for the installing alone.
#
#   install-deps.sh build    to build and run dhow
#   install-deps.sh test     also to run its tests, sanitizers and fuzzers
#   install-deps.sh cluster  also to run the test cluster (make cluster-up)
set -eu

build='gcc libc6-dev make meson ninja-build pkg-config python3 libyaml-dev libssl-dev
       libcurl4-openssl-dev libuv1-dev libsqlite3-dev libnghttp2-dev libpq-dev libmariadb-dev zlib1g-dev libzstd-dev libcmocka-dev libexpat1-dev libmicrohttpd-dev ca-certificates'
test='age clang-14 clang-format-14 libclang-rt-14-dev llvm-14 python3-venv python3-pip pmccabe
      groff man-db zsh fish sqlite3 git bubblewrap runc musl-tools postgresql mariadb-server chromium fonts-inter'
cluster='containerd runc containernetworking-plugins iptables iproute2 conntrack ethtool busybox-static openssl'
# Of node any that is there will do; Debian's npm cannot stand beside other node packages.
command -v npm >/dev/null 2>&1 || test="$test nodejs npm"

want=$build
[ "${1:-build}" = test ] && want="$build $test"
[ "${1:-build}" = cluster ] && want="$build $cluster"

missing=
for package in $want; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "install-deps: no apt-get here; dhow is built on Debian 12 or later. It needs:$missing" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "install-deps: missing packages, and neither root nor sudo to install them:$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
quietly() {
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive "$@" >"$log" 2>&1
}

echo "installing packages:$missing" >&2
quietly apt-get update -q || echo "install-deps: apt-get update failed; trying with the lists that are there" >&2
# shellcheck disable=SC2086
quietly apt-get install -y -q --no-install-recommends $missing || {
    cat "$log" >&2
    echo "install-deps: apt-get install failed" >&2
    exit 1
}
