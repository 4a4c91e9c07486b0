#!/usr/bin/env bash
# Run by Snakemake once it has made the conda environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash envs/install.sh python
