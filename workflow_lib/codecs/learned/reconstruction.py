"""Tiles as a learned codec's bitstreams bring them back, without bitstreams."""

from dataclasses import replace

import numpy as np

from workflow_lib.codecs.learned.codec import LearnedCodec
from workflow_lib.codecs.mosaic import fill
from workflow_lib.codecs.units import coding_units
from workflow_lib.data.pixel_values import NODATA
from workflow_lib.data.tiles import Tiles


def reconstructed(tiles: Tiles, codec: LearnedCodec, unit: str) -> Tiles:
    """The tiles with the counts that `coding.decode_scene` gives after `coding.encode_scene`.

    Every scene is analysed in whole coding units, as it is coded, and what the streams would carry
    without loss is handed on: counts are equal bit for bit on one kind of processor.

    Args:
        tiles: all tiles of each of their scenes, also those that are held out.
        codec: the codec.
        unit: its coding unit.
    """
    image = np.empty_like(tiles.image)
    for scene in np.unique(tiles.scene).tolist():
        own = tiles.of_scene(scene)
        units = coding_units(own, unit)
        canvases = [fill(each.mosaic.assemble(own.image[each.tiles])) for each in units]
        found = np.empty_like(own.image)
        for each, canvas in zip(units, codec.reconstruct(canvases), strict=True):
            found[each.tiles] = each.mosaic.take_apart(canvas)
        image[tiles.scene == scene] = found
    return replace(tiles, image=np.where(tiles.valid[:, None], image, np.uint16(NODATA)))
