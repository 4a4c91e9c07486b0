"""Code a scene at one rate point, decode the file again, and measure rate and distortion."""

import argparse
from pathlib import Path

from workflow_lib import cli, devices
from workflow_lib.codecs.coding import decode_scene, encode_scene
from workflow_lib.codecs.registry import CodecConfig, open_codec
from workflow_lib.config.section import json_of
from workflow_lib.data.store import read_tiles, write_reconstruction
from workflow_lib.measure.coded import coded_table
from workflow_lib.measure.table import Key, write
from workflow_lib.paths import FINETUNED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", required=True, type=Path, help="the scene's tile store")
    parser.add_argument("--name", required=True, help="the codec's name")
    parser.add_argument(
        "--codec",
        required=True,
        type=json_of(CodecConfig),
        help='the codec, as JSON: {"kind": "jpeg2000"}; of a learned one all keys',
    )
    parser.add_argument(
        "--rate", required=True, help="target bpppb, `lossless`, or λ of a learned codec"
    )
    parser.add_argument("--weights", type=Path, help="weights of a learned codec")
    parser.add_argument(
        "--held-out", required=True, type=int, nargs="+", help="the folds that are scored"
    )
    parser.add_argument(
        "--regime", default="", choices=("", *FINETUNED), help="how it was fine-tuned"
    )
    parser.add_argument("--segmenter", default="", help="the segmenter that it was fine-tuned with")
    parser.add_argument("--seed", type=int, help="the seed of a learned codec")
    parser.add_argument("--trained-on", help="the dataset whose tiles the weights know")
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
