"""Write the manifests of several scenes' stores into one file, which represents them all.

Standard input lists the manifests, one path per line.
"""

import argparse
import sys
from pathlib import Path

from workflow_lib import cli
from workflow_lib.files import atomic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", required=True, type=Path, help="text file to write")
    args = parser.parse_args()
    manifests = [Path(line) for line in sys.stdin.read().splitlines()]
    with atomic(args.target) as draft:
        draft.write_text("".join(f"{file}:{file.read_text()}" for file in manifests))


cli.run(main)
