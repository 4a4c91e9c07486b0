"""Train a learned codec at one λ."""

import argparse
from pathlib import Path

from workflow_lib import cli, torchinit
from workflow_lib.codecs.registry import LearnedConfig
from workflow_lib.config.section import json_of
from workflow_lib.data.store import read_tiles
from workflow_lib.training import arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    arguments.add_arguments(parser)
    parser.add_argument(
        "--codec",
        required=True,
        type=json_of(LearnedConfig),
        help="options of the learned codec as JSON, with all keys",
    )
    parser.add_argument("--rate", required=True, type=float, help="λ")
    parser.add_argument("--weights", required=True, type=Path, help="safetensors file to write")
    args = parser.parse_args()
    torchinit.prepare(args.threads)
    from workflow_lib.codecs.learned.fit import fit  # imports torch, so after `prepare`

    device = torchinit.device(args.device)
    tiles = read_tiles(args.tiles, args.held_out)
    fit(tiles, args.codec, args.rate, args.seed, args.run, args.weights, device)


cli.run(main)
