"""Choose the threshold baseline on the training blocks and score it on the held-out ones."""

import argparse
from pathlib import Path

from workflow_lib import cli
from workflow_lib.data.store import read_tiles
from workflow_lib.files import atomic
from workflow_lib.measure.maps import baseline_table
from workflow_lib.measure.rows import write
from workflow_lib.segmentation.threshold_baseline import choose


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", required=True, type=Path, nargs="+", help="tile stores")
    parser.add_argument("--held-out", required=True, type=int, help="fold to score")
    parser.add_argument("--map", required=True, type=Path, help="JSON file to write")
    parser.add_argument("--scores", required=True, type=Path, help="table to write")
    args = parser.parse_args()
    tiles = read_tiles(args.tiles, args.held_out)
    baseline = choose(tiles.where("train", "validation"))
    with atomic(args.map) as draft:
        draft.write_text(baseline.to_json())
    write(baseline_table(baseline, tiles, args.held_out), args.scores)


cli.run(main)
