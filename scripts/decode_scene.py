"""Decode a container, or one tile of it, to a tile store."""

import argparse
from pathlib import Path

import numpy as np

from workflow_lib import cli, devices
from workflow_lib.codecs.coding import decode_scene, decode_tile
from workflow_lib.codecs.registry import CodecConfig, open_codec
from workflow_lib.config.section import json_of
from workflow_lib.data.store import read_tiles, write_reconstruction
from workflow_lib.data.tiles import Tiles
from workflow_lib.errors import DownlinkError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bitstream", required=True, type=Path, help="container to read")
    parser.add_argument(
        "--tiles", required=True, type=Path, help="the scene's tile store; its counts are not used"
    )
    parser.add_argument(
        "--codec",
        required=True,
        type=json_of(CodecConfig),
        help='options as JSON, e.g. {"kind": "jpeg2000"}; docs/codec.md lists the kinds',
    )
    parser.add_argument("--weights", type=Path, help="weights of a learned codec")
    devices.add_arguments(parser)
    parser.add_argument(
        "--tile",
        metavar="ROW,COL",
        type=place,
        help="decode only the tile at this row and column of the scene's grid",
    )
    parser.add_argument("--reconstruction", required=True, type=Path, help="store to write")
    args = parser.parse_args()
    if args.reconstruction.resolve() == args.tiles.resolve():
        raise DownlinkError(
            f"{args.tiles}: --tiles and --reconstruction name the same store. Write to another one."
        )
    tiles = read_tiles([args.tiles])
    codec = open_codec(
        args.codec, tiles.info, args.weights, devices.Compute(args.threads, args.device)
    )
    if args.tile:
        index = index_of(tiles, *args.tile)
        image = decode_tile(args.bitstream, tiles, index, codec, args.codec)[None]
        tiles = tiles.only(index)
    else:
        image = decode_scene(args.bitstream, tiles, codec, args.codec)
    write_reconstruction(tiles, image, args.reconstruction)


def place(text: str) -> tuple[int, int]:
    row, col = text.split(",")
    return int(row), int(col)


def index_of(tiles: Tiles, row: int, col: int) -> int:
    found = np.flatnonzero((tiles.row == row) & (tiles.col == col))
    if not len(found):
        raise DownlinkError(
            f"--tile {row},{col}: the scene has no such tile. The arrays `row` and `col` "
            "of the tile store list its tiles."
        )
    return int(found[0])


cli.run(main)
