#!/usr/bin/env bash
# Runs a command with the instruction sets of other processors: by default the tests that train.
#   bash tests/machines.sh all               each set that this processor has
#   bash tests/machines.sh sse4              one of sse4, avx2, avx512
#   bash tests/machines.sh sse4 COMMAND ...  another command
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

flags=" $(grep -m 1 '^flags' /proc/cpuinfo | cut -d : -f 2) "

# The flag of /proc/cpuinfo that an instruction set needs.
needed() {
    case $1 in
        sse4) echo sse4_2 ;;
        avx2) echo avx2 ;;
        avx512) echo avx512vl ;;
        *) echo "$1: not one of sse4, avx2, avx512" >&2; return 2 ;;
    esac
}

# What limits ATen, oneDNN, MKL, OpenBLAS and NumPy to an instruction set.
variables() {
    case $1 in
        sse4) echo "ATEN_CPU_CAPABILITY=default DNNL_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2
            OPENBLAS_CORETYPE=Nehalem NPY_DISABLE_CPU_FEATURES=X86_V3,X86_V4,AVX512_ICL,AVX512_SPR" ;;
        avx2) echo "ATEN_CPU_CAPABILITY=avx2 DNNL_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2
            OPENBLAS_CORETYPE=Haswell NPY_DISABLE_CPU_FEATURES=X86_V4,AVX512_ICL,AVX512_SPR" ;;
        avx512) echo "ATEN_CPU_CAPABILITY=avx512 DNNL_MAX_CPU_ISA=AVX512_CORE
            MKL_ENABLE_INSTRUCTIONS=AVX512 OPENBLAS_CORETYPE=SkylakeX" ;;
    esac
}

limited() {
    local set=$1 flag
    shift
    flag=$(needed "$set")
    if [[ $flags != *" $flag "* ]]; then
        echo "$set: skipped, /proc/cpuinfo has no $flag"
        return
    fi
    echo "$set"
    # word splitting gives one assignment each
    # shellcheck disable=SC2046
    env $(variables "$set") "$@"
}

[[ $# -gt 0 ]] || { sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 2; }
which=$1
shift
[[ $# -gt 0 ]] || set -- pytest -m "trained and not slow and not gpu" tests/unit
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
if [[ $which != all ]]; then
    limited "$which" "$@"
    exit
fi
failed=0
for set in avx512 avx2 sse4; do limited "$set" "$@" || failed=1; done
exit "$failed"
