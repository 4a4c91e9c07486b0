"""Cut a scene into a tile store, assign its blocks to folds, and log their balance."""

import argparse
import logging
from pathlib import Path

from workflow_lib import cli
from workflow_lib.config.datasets import Budget, Tiling
from workflow_lib.data.info import TileInfo
from workflow_lib.data.splits import balance
from workflow_lib.data.tiling import write_tiles


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", required=True, type=Path, help="the scene's GeoTIFF")
    parser.add_argument("--info", required=True, type=TileInfo.parse, help="TileInfo, as JSON")
    parser.add_argument("--quantity", required=True, help="what the counts measure")
    parser.add_argument(
        "--tiling", required=True, type=Tiling.parse, help="tiles and folds, as JSON"
    )
    parser.add_argument("--target", required=True, type=Path, help="tile store to write")
    parser.add_argument("--threads", required=True, type=int, help="number of threads")
    parser.add_argument("--memory-mb", required=True, type=int, help="memory limit in MB")
    args = parser.parse_args()
    counted = write_tiles(
        args.scene,
        args.scene.stem,
        args.info,
        args.quantity,
        args.tiling,
        args.target,
        Budget(threads=args.threads, memory_mb=args.memory_mb),
    )
    for fold in args.tiling.folds.held_out:
        logging.info("fold %d held out\n%s", fold, balance(counted, fold))


cli.run(main)
