"""Rate and distortion of a coded scene's held-out tiles."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from workflow_lib.codecs.base import CodedBytes
from workflow_lib.codecs.coding import SceneSize, UnitSize
from workflow_lib.data.tiles import Tiles
from workflow_lib.measure import metric_names
from workflow_lib.measure.distortion import measure, squared_error
from workflow_lib.measure.rate import rates
from workflow_lib.measure.rows import Key, join, pooled_rows, tile_rows


def coded_table(
    key: Key,
    tiles: Tiles,
    image: NDArray[np.uint16],
    size: SceneSize,
    held_out: Sequence[int],
    training_tiles: int = 0,
    borrowed: bool = False,
) -> pa.Table:
    """Figures of every held-out tile, and of each fold's held-out tiles of the scene together.

    A unit's bytes are charged by the share of its valid pixels that are held out: whole or not at
    all where units are tiles or folds. The common header is charged by the largest such share,
    that is whole unless the scene is one unit, and to no single tile.

    Args:
        key: dataset, codec and rate.
        tiles: all tiles of the scene.
        image: what the bitstream decodes to, uint16 [tile, band, y, x].
        size: of the bitstream.
        held_out: the folds that are scored: of a trained codec the one that it has not seen.
        training_tiles: tiles that the codec was trained on.
        borrowed: they are another dataset's, so that nothing is known of PSNR on them.
    """
    folds = [(replace(key, fold=fold), tiles.holding_out(fold)) for fold in held_out]
    return join(
        _of_fold(of_fold, held, image, size, _training(held, image, training_tiles, borrowed))
        for of_fold, held in folds
    )


def _training(
    tiles: Tiles, image: NDArray[np.uint16], training_tiles: int, borrowed: bool
) -> dict[str, float]:
    sse = samples = 0.0
    if not borrowed:
        sse, samples = squared_error(tiles.where("train"), image[tiles.split == "train"])
    return {
        metric_names.SSE_TRAINING: sse,
        metric_names.SAMPLES_TRAINING: samples,
        metric_names.CODEC_TRAINING_TILES: float(training_tiles),
    }


def _of_fold(
    key: Key, tiles: Tiles, image: NDArray[np.uint16], size: SceneSize, seen: dict[str, float]
) -> pa.Table:
    scene, held_out = str(tiles.scene[0]), tiles.where("test")
    if not len(held_out):
        return pooled_rows(key, seen, scene)
    distortion = measure(held_out, image[tiles.split == "test"])
    shares = _shares(size.units, tiles)
    scored = [unit for unit, share in zip(size.units, shares, strict=True) if share]
    charged = (_times(unit.coded, share) for unit, share in zip(size.units, shares, strict=True))
    coded = sum(charged, start=CodedBytes(0, ceil(max(shares) * size.common), 0))
    figures = {
        **distortion.pooled(),
        **rates(coded, int(held_out.valid.sum()), tiles.info),
        metric_names.AT_FLOOR: float(any(unit.at_floor for unit in scored)),
    }
    of_tiles = {**distortion.per_tile(), **_rate_of_tiles(scored, held_out)}
    return join(
        [
            tile_rows(key, held_out, of_tiles),
            pooled_rows(key, figures | seen, scene),
        ]
    )


def _shares(units: Sequence[UnitSize], tiles: Tiles) -> list[float]:
    """The share of each unit's valid pixels that are held out; of its tiles where none is valid."""
    pixels, held_out = tiles.valid.sum(axis=(1, 2)), tiles.split == "test"
    shares = []
    for unit in units:
        chosen = list(unit.tiles)
        weights = pixels[chosen] if pixels[chosen].any() else np.ones(len(chosen))
        shares.append(float(weights[held_out[chosen]].sum() / weights.sum()))
    return shares


def _times(coded: CodedBytes, share: float) -> CodedBytes:
    return CodedBytes(*(ceil(share * part) for part in (coded.payload, coded.header, coded.side)))


def _rate_of_tiles(scored: list[UnitSize], held_out: Tiles) -> dict[str, NDArray[np.float64]]:
    """Bits per valid pixel and band of every tile, where each is a unit; nan without a pixel."""
    if len(scored) != len(held_out) or any(len(unit.tiles) != 1 for unit in scored):
        return {}
    in_order = sorted(scored, key=lambda unit: unit.tiles)
    bits = 8 * np.array([unit.coded.total for unit in in_order], np.float64)
    samples = held_out.valid.sum(axis=(1, 2)) * len(held_out.info.bands)
    return {
        metric_names.BPPPB: np.divide(
            bits, samples, out=np.full_like(bits, np.nan), where=samples > 0
        )
    }
