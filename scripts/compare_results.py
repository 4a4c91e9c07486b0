"""Compare two runs of one study, from one machine or two, in three tiers; see docs/reproduce.md."""

import argparse
import sys
from pathlib import Path

from workflow_lib import cli
from workflow_lib.provenance.reproduction.compare import compare, described


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=Path, help="results folder whose intervals are used")
    parser.add_argument("second", type=Path, help="results folder to compare with the first")
    args = parser.parse_args()
    comparison = compare(args.first, args.second)
    print(described(comparison))
    sys.exit(not comparison.reproduced)


cli.run(main)
