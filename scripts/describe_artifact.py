"""Write the artifact description and evaluation of a study from its RO-Crate."""

import argparse
from pathlib import Path

from workflow_lib import cli
from workflow_lib.files import atomic
from workflow_lib.provenance.crate.description import describe_artifact


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crate", required=True, type=Path, help="folder of the crate")
    parser.add_argument("--target", required=True, type=Path, help="Markdown file to write")
    args = parser.parse_args()
    text = describe_artifact(args.crate)
    with atomic(args.target) as draft:
        draft.write_text(text, encoding="utf-8")


cli.run(main)
