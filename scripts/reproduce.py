"""Run a finished study again in a new folder, from the same commit, and compare the results."""

import argparse
import sys
from pathlib import Path

from workflow_lib import cli
from workflow_lib.config import study_files
from workflow_lib.provenance.reproduction.compare import described
from workflow_lib.provenance.reproduction.reproduce import OUTCOME, reproduce


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    study_files.add_arguments(parser)
    parser.add_argument(
        "--cores", default="all", help="number of cores for Snakemake (default: %(default)s)"
    )
    parser.add_argument(
        "--folder", type=Path, help="folder of the second run (default: reproduced/NAME)"
    )
    parser.add_argument(
        "snakemake", nargs="*", help="further options for Snakemake, after --, e.g. --profile slurm"
    )
    args = parser.parse_args()
    study = study_files.load(args.study)
    folder = args.folder or Path("reproduced") / study.name
    comparison = reproduce(
        Path.cwd(), study.results, args.study, folder, args.cores, args.snakemake
    )
    print(described(comparison))
    print(f"\ntable: {folder / OUTCOME}")
    sys.exit(not comparison.reproduced)


cli.run(main)
