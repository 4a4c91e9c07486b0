"""Read a scene from its source and write its counts and label as GeoTIFF."""

import argparse
from pathlib import Path

from workflow_lib import cli
from workflow_lib.config.datasets import Archive, Imagery
from workflow_lib.data.prepare import prepare_scene


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", required=True, help="the scene's name")
    parser.add_argument(
        "--imagery", required=True, type=Imagery.parse, help="source, bands and quantity, as JSON"
    )
    parser.add_argument("--archive", type=Path, help="file of the archive, if the source is one")
    parser.add_argument("--pin", type=Archive.parse, help="the archive's pin, as JSON")
    parser.add_argument("--target", required=True, type=Path, help="GeoTIFF to write")
    args = parser.parse_args()
    archive = (args.archive, args.pin) if args.archive else None
    prepare_scene(args.scene, args.imagery, archive, args.target)


cli.run(main)
