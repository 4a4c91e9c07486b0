"""Find the salt whose folds share size and class most evenly, among 0, 1, 2, …"""

import argparse
from pathlib import Path

from workflow_lib import cli
from workflow_lib.config.datasets import Folds
from workflow_lib.data.splits import balance, census, imbalance, reassigned
from workflow_lib.data.store import read_tiles


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", required=True, type=Path, nargs="+", help="tile stores")
    parser.add_argument("--block-tiles", required=True, type=int, help="side of a block, in tiles")
    parser.add_argument("--count", type=int, default=2, help="number of folds")
    parser.add_argument(
        "--held-out", type=int, nargs="+", default=[1], help="folds to hold out in turn"
    )
    parser.add_argument(
        "--by", choices=("block", "scene"), default="block", help="unit that is assigned to folds"
    )
    parser.add_argument("--candidates", type=int, default=200, help="salts to try")
    args = parser.parse_args()
    tiles = read_tiles(args.tiles)
    tried = [
        Folds(
            count=args.count,
            held_out=tuple(args.held_out),
            by=args.by,
            block_tiles=args.block_tiles,
            salt=str(salt),
        )
        for salt in range(args.candidates)
    ]
    best = min(tried, key=lambda folds: imbalance(reassigned(tiles, folds), folds))
    print(f"salt: {best.salt!r}")
    for fold in best.held_out:
        print(f"fold {fold} held out\n{balance(census(reassigned(tiles, best)), fold)}")


cli.run(main)
