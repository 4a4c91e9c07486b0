#!/usr/bin/env bash
# Print a Python 3.11 or 3.12: one on PATH, else one that uv finds or installs. Used by the Makefile.
set -euo pipefail

for python in python3.11 python3.12 python3; do
    # a name on PATH may be a shim without an interpreter behind it
    if "$python" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then
        command -v "$python"
        exit
    fi
done
if command -v uv >/dev/null; then
    uv python find '>=3.11,<3.13' 2>/dev/null || { uv python install 3.11 && uv python find 3.11; }
    exit
fi
echo "make: found neither Python 3.11 nor 3.12. Install one (Ubuntu 24.04: apt install python3.12-venv)," \
    "or uv, which downloads one; or name an interpreter: make PYTHON=/path/to/python3.11" >&2
exit 1
