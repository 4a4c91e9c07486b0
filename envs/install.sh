#!/usr/bin/env bash
# Install the lock into the environment of the given Python: bash envs/install.sh .venv/bin/python
# torch comes first, with its dependencies: pip takes the CPU build where one is offered and else the
# CUDA build, which needs packages that the lock does not list. The rest is pinned in full and comes
# without dependencies, because compressai's pin of numpy is stale (`pip check` reports it). pip leaves
# out each package whose marker does not match this Python or platform.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=$1
lock=envs/requirements.lock
"$python" -c 'import sys; v = sys.version_info[:2]; sys.exit(
    v not in ((3, 11), (3, 12)) and f"Downlink needs Python 3.11 or 3.12 (the lock is made for them), "
    f"not {v[0]}.{v[1]}: make PYTHON=python3.11")'
"$python" -m pip install --quiet --constraint "$lock" "$(grep '^torch==' "$lock")"
"$python" -m pip install --quiet --no-deps --requirement "$lock"
"$python" -m pip install --quiet --no-deps --no-build-isolation --editable .
