#!/usr/bin/env bash
# Debian's Slurm and munge, for the tests; says so and fails where they cannot be had.
set -euo pipefail
needed=(munged slurmctld slurmd sbatch squeue scontrol scancel)
missing() { for name in "${needed[@]}"; do PATH=$PATH:/usr/sbin command -v "$name" >/dev/null || echo "$name"; done; }
[ -z "$(missing)" ] && exit
fail() { echo "error: make test-slurm needs Slurm ($(missing | tr '\n' ' ')is missing): $1" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail "run it as root, or have an administrator run: apt-get install slurm-wlm munge"
command -v apt-get >/dev/null || fail "this system has no apt-get; install slurmctld, slurmd and munge by its own means"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || fail "apt-get update did not succeed"
apt-get install -qq -y --no-install-recommends slurm-wlm munge >/dev/null || fail "apt-get install did not succeed"
[ -z "$(missing)" ] || fail "apt-get installed something else"
