"""Compute a learned codec's decoded tiles without coding a bitstream."""

from dataclasses import replace

import numpy as np

from workflow_lib.codecs.learned.codec import LearnedCodec
from workflow_lib.codecs.mosaic import fill
from workflow_lib.codecs.units import coding_units
from workflow_lib.data.pixel_values import NODATA
from workflow_lib.data.tiles import Tiles


def reconstructed(tiles: Tiles, codec: LearnedCodec, unit: str) -> Tiles:
    """Return the tiles with the counts that `encode_scene` and `decode_scene` would give.

    The function analyses every scene in whole coding units, as `coding.encode_scene` does. It skips
    the lossless entropy coding of the latents. On one kind of processor the counts are equal to
    those of `coding.decode_scene`, bit for bit.

    Args:
        tiles: all tiles of their scenes, including tiles of the held-out fold.
        codec: the codec.
        unit: the codec's coding unit.
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
