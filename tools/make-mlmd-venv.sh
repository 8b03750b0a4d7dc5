#!/usr/bin/env bash
# Makes .venv-mlmd, once: Google's own ML Metadata client, which wants an older protobuf than the KFP
# SDK in .venv, and the readers of the forms in which lineage is exported. Prints its Python. Fails
# where there is no wheel for this Python.
set -eu
cd "$(dirname "$0")/.."

packages='ml-metadata==1.17.1 prov==3.2.3 in-toto-attestation==0.9.3'
stamp=.venv-mlmd/$(echo "$packages" | sha256sum | cut -c 1-16)
exec 9>.venv-mlmd.lock
flock 9
if [ ! -e "$stamp" ]; then
    rm -rf .venv-mlmd
    python3 -m venv .venv-mlmd
    # shellcheck disable=SC2086
    .venv-mlmd/bin/python -m pip install --quiet --disable-pip-version-check $packages >&2
    touch "$stamp"
fi
echo "$PWD/.venv-mlmd/bin/python"
