#!/usr/bin/env bash
# Makes .venv-mlmd, once: Google's own ML Metadata client, which wants an older protobuf than the KFP
# SDK in .venv. Prints its Python. Fails where there is no wheel for this Python.
set -eu
cd "$(dirname "$0")/.."

version=1.17.1
stamp=.venv-mlmd/ml-metadata-$version
exec 9>.venv-mlmd.lock
flock 9
if [ ! -e "$stamp" ]; then
    rm -rf .venv-mlmd
    python3 -m venv .venv-mlmd
    .venv-mlmd/bin/python -m pip install --quiet --disable-pip-version-check "ml-metadata==$version" >&2
    touch "$stamp"
fi
echo "$PWD/.venv-mlmd/bin/python"
