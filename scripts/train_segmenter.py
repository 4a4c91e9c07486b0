"""Train a segmenter on original tiles or on reconstructions."""

import argparse
from pathlib import Path

from workflow_lib import cli, torchinit
from workflow_lib.config.segmenters import Segmenter
from workflow_lib.data.store import read_reconstructions, read_tiles
from workflow_lib.training import arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    arguments.add_arguments(parser)
    parser.add_argument(
        "--reconstructions",
        type=Path,
        nargs="+",
        help="reconstructions to train on, in the order of the tile stores",
    )
    parser.add_argument("--segmenter", required=True, type=Segmenter.parse, help="options, as JSON")
    parser.add_argument("--weights", required=True, type=Path, help="safetensors file to write")
    args = parser.parse_args()
    torchinit.prepare(args.threads)
    from workflow_lib.segmentation.train import train_segmenter  # imports torch, so after `prepare`

    device = torchinit.device(args.device)
    tiles = read_tiles(args.tiles, args.held_out)
    if args.reconstructions:
        tiles = read_reconstructions(tiles, args.reconstructions)
    train_segmenter(tiles, args.segmenter, args.seed, args.run, args.weights, device)


cli.run(main)
