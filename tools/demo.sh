#!/usr/bin/env bash
# The demo: the model selection pipeline from start to finish, in the home of this checkout (.dhow), then
# what is in the record.
#   demo.sh DHOW PIPELINE.yaml
set -eu
cd "$(dirname "$0")/.."
dhow=$1 pipeline=$2
mkdir -p .dhow
export PATH="$PWD/$(dirname "$dhow"):$PATH"
unset DHOW_HOME

echo "\$ dhow run $pipeline" >&2
"$dhow" run "$pipeline" --experiment demo
echo >&2
echo "\$ dhow models breast-cancer" >&2
"$dhow" models breast-cancer
