#!/usr/bin/env bash
# Run by Snakemake, from the project's folder, once it has made the conda environment.
set -euo pipefail
bash envs/install.sh python
