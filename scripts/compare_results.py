"""Compare two runs of one study, from one machine or two, in three tiers; see docs/reproduce.md."""

import argparse
import sys
from pathlib import Path

from workflow_lib import cli
from workflow_lib.provenance.reproduction.compare import compare, described


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=Path, help="a results folder; its intervals are asked")
    parser.add_argument("second", type=Path, help="the other one")
    args = parser.parse_args()
    comparison = compare(args.first, args.second)
    print(described(comparison))
    sys.exit(not comparison.reproduced)


cli.run(main)
