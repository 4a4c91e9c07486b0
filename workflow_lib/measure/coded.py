"""Measure rate and distortion of a coded scene's held-out tiles."""

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
    """Measure every held-out tile, and each fold's held-out tiles of the scene together.

    A fold pays for a share of each unit's bytes: the share of the unit's valid pixels that are
    held out. This share is 0 or 1 where units are tiles or folds. A fold pays for the largest such
    share of the common header, which is all of it unless the whole scene is one unit. Figures of
    single tiles leave the common header out.

    Args:
        key: dataset, codec and rate.
        tiles: all tiles of the scene.
        image: the decoded bitstream, uint16 [tile, band, y, x].
        size: bytes of the bitstream.
        held_out: the folds to score. For a trained codec: the fold it has not seen.
        training_tiles: number of tiles that the codec was trained on.
        borrowed: the training tiles belong to another dataset, so their PSNR is unknown.

    Returns:
        A tidy table, see `measure.table`.
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
    """Share of each unit's valid pixels that are held out; its share of tiles if none is valid."""
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
    """Bits per valid pixel and band, float64 [tile]; empty unless every unit is one tile.

    The rate of a tile without valid pixels is nan.
    """
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
