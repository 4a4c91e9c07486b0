"""Encode a scene at one rate point, decode the file, and measure rate and distortion."""

import argparse
from pathlib import Path

from workflow_lib import cli, devices
from workflow_lib.codecs.coding import decode_scene, encode_scene
from workflow_lib.codecs.registry import CodecConfig, open_codec
from workflow_lib.config.section import json_of
from workflow_lib.data.store import read_tiles, write_reconstruction
from workflow_lib.measure.coded import coded_table
from workflow_lib.measure.rows import Key, write
from workflow_lib.paths import FINETUNED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", required=True, type=Path, help="the scene's tile store")
    parser.add_argument("--name", required=True, help="the codec's name in the study")
    parser.add_argument(
        "--codec",
        required=True,
        type=json_of(CodecConfig),
        help='options as JSON, e.g. {"kind": "jpeg2000"}; docs/codec.md lists the kinds',
    )
    parser.add_argument("--rate", required=True, help="target rate in bpppb, `lossless`, or λ")
    parser.add_argument("--weights", type=Path, help="weights of a learned codec")
    parser.add_argument("--held-out", required=True, type=int, nargs="+", help="folds to score")
    parser.add_argument(
        "--regime", default="", choices=("", *FINETUNED), help="how the codec was fine-tuned"
    )
    parser.add_argument("--segmenter", default="", help="segmenter of the fine-tuning")
    parser.add_argument("--seed", type=int, help="seed of a learned codec")
    parser.add_argument("--trained-on", help="dataset on which a learned codec was trained")
    devices.add_arguments(parser)
    parser.add_argument("--bitstream", required=True, type=Path, help="container to write")
    parser.add_argument("--reconstruction", required=True, type=Path, help="store to write")
    parser.add_argument("--distortion", required=True, type=Path, help="table to write")
    args = parser.parse_args()
    tiles = read_tiles([args.tiles])
    codec = open_codec(
        args.codec, tiles.info, args.weights, devices.Compute(args.threads, args.device)
    )
    target = None if args.rate == "lossless" else float(args.rate)
    size = encode_scene(tiles, codec, args.codec, target, args.bitstream)
    image = decode_scene(args.bitstream, tiles, codec, args.codec)
    write_reconstruction(tiles, image, args.reconstruction)
    key = Key(
        tiles.info.dataset,
        args.name,
        args.rate,
        args.regime,
        segmenter=args.segmenter,
        seed=args.seed,
    )
    table = coded_table(
        key,
        tiles,
        image,
        size,
        args.held_out,
        codec.training_tiles,
        borrowed=args.trained_on not in (None, tiles.info.dataset),
    )
    write(table, args.distortion)


cli.run(main)
