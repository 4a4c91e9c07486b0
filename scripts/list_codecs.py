"""Print the table of codecs that docs/codec.md shows."""

import argparse

from workflow_lib import cli
from workflow_lib.codecs.catalogue import codec_table


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(codec_table())


cli.run(main)
