#!/usr/bin/env bash
# Install the lock into the environment of the given Python: bash envs/install.sh .venv/bin/python
# uv does it, or pip where uv cannot be had or fails. Both refuse a file whose hash is not in the lock.
# No package brings its own requirements: the lock is complete for Python and the platform, and
# compressai's pin of numpy is stale (`pip check` reports it).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=$1
lock=envs/requirements.lock
"$python" -c 'import sys; v = sys.version_info[:2]; sys.exit(
    v not in ((3, 11), (3, 12)) and f"Downlink needs Python 3.11 or 3.12 (the lock is made for them), "
    f"not {v[0]}.{v[1]}: make PYTHON=python3.11")'

with_pip() { "$python" -m pip install --quiet --no-deps "$@"; }
with_uv() { uv pip install --python "$python" --quiet --no-deps "$@"; }

# uv does not read pip's settings: pass on where pip finds packages. As the lock has all hashes, any of
# these places may serve a package.
pip_setting() {
    local section
    for section in :env: install global; do
        sed -n "s/^$section\.$1='\(.*\)'$/\1/p" <<<"$settings" |
            sed 's/\\n/ /g; s/  */ /g; s/^ //' | grep . && return
    done
}
pass_on() {
    local value
    if [[ -z ${!2-} ]] && value=$(pip_setting "$1"); then export "$2=${value// /$3}"; fi
}
settings=$("$python" -m pip config list)
pass_on index-url UV_DEFAULT_INDEX " "
pass_on extra-index-url UV_INDEX " "
pass_on find-links UV_FIND_LINKS ,
pass_on trusted-host UV_INSECURE_HOST " "
pass_on proxy ALL_PROXY " "
pass_on cert SSL_CERT_FILE " "
export UV_INDEX_STRATEGY=unsafe-best-match
# By default uv links files to its cache. An edit in one environment would change all of them.
export UV_LINK_MODE=copy

# Take torch's CPU build where an index offers it, else the package index's and what CUDA needs.
install_lock() {
    local said files=(--requirement "$lock")
    if ! said=$("$@" --require-hashes --requirement envs/torch-cpu.lock 2>&1); then
        if grep -qi hash <<<"$said"; then
            printf '%s\n' "$said" "Not in envs/torch-cpu.lock: taking the package index's build of torch." >&2
        fi
        files+=(--requirement envs/torch-cuda.lock)
    fi
    "$@" --require-hashes "${files[@]}" && "$@" --no-build-isolation --editable .
}
get_uv() {
    PATH=$PATH:$(dirname "$python")
    command -v uv >/dev/null ||
        sed -n '/^uv==/,/^    #/p' "$lock" | with_pip --require-hashes --requirement /dev/stdin
}
# pip compiles every module, uv none. Import what most jobs import, so that Python compiles it.
compile_imports() {
    local modules
    for modules in workflow_lib.segmentation.joint_tuning,workflow_lib.codecs.learned.fit \
        workflow_lib.data.rasters,workflow_lib.codecs.coding,workflow_lib.report.build,snakemake.cli; do
        env -u PYTHONDONTWRITEBYTECODE "$python" -c "import $modules" 2>/dev/null &
    done
    wait
}
if get_uv && install_lock with_uv; then
    compile_imports
else
    echo "uv cannot be had or has failed: pip installs, in some minutes." >&2
    install_lock with_pip
fi
