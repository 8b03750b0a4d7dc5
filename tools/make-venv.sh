#!/usr/bin/env bash
# Makes the Python environment of the tests in .venv from tests/requirements.txt, once: a stamp with
# the digest of the requirements says that it is complete. pip's usual configuration holds.
set -eu
cd "$(dirname "$0")/.."

stamp=.venv/requirements-$(cat tests/requirements.txt tools/make-venv.sh | sha256sum | cut -c 1-16)
[ -e "$stamp" ] && exit 0

echo "making .venv from tests/requirements.txt" >&2
rm -rf .venv
python3 -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
touch "$stamp"
