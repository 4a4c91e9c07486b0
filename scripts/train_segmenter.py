"""Train a segmenter on original tiles or on reconstructions."""

import argparse
from pathlib import Path

from workflow_lib import cli, devices, torchinit
from workflow_lib.config.segmenters import Segmenter
from workflow_lib.data.store import read_reconstructions, read_tiles


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", required=True, type=Path, nargs="+", help="tile stores")
    parser.add_argument(
        "--reconstructions", type=Path, nargs="+", help="train on these, in the stores' order"
    )
    parser.add_argument("--held-out", required=True, type=int, help="the fold that is not seen")
    parser.add_argument("--segmenter", required=True, type=Segmenter.parse, help="as JSON")
    parser.add_argument("--seed", required=True, type=int, help="seed of the training")
    devices.add_arguments(parser)
    parser.add_argument("--run", required=True, type=Path, help="folder of checkpoint and log")
    parser.add_argument("--weights", required=True, type=Path, help="safetensors file to write")
    args = parser.parse_args()
    torchinit.prepare(args.threads)
    from workflow_lib.segmentation.train import train_segmenter  # torch can be imported only now

    device = torchinit.device(args.device)
    tiles = read_tiles(args.tiles, args.held_out)
    if args.reconstructions:
        tiles = read_reconstructions(tiles, args.reconstructions)
    train_segmenter(tiles, args.segmenter, args.seed, args.run, args.weights, device)


cli.run(main)
