"""Write the manifests of some scenes' stores into one file, which stands for them all."""

import argparse
from pathlib import Path

from workflow_lib import cli
from workflow_lib.files import atomic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--manifests", required=True, nargs="+", type=Path, help="in their order")
    parser.add_argument("--target", required=True, type=Path, help="text file to write")
    args = parser.parse_args()
    with atomic(args.target) as draft:
        draft.write_text("".join(f"{file}:{file.read_text()}" for file in args.manifests))


cli.run(main)
