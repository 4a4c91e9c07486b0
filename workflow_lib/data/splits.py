"""Measure how well folds balance the splits, and assign tiles to other folds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workflow_lib.config.datasets import Folds
from workflow_lib.data.folds import place
from workflow_lib.data.pixel_values import IGNORE
from workflow_lib.data.tiles import Tiles

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Census:
    """Label counts of tiles, with their places in the splits.

    Attributes:
        scene: name of each tile's scene, str [tile].
        block, fold, validation: as in `Tiles`, [tile].
        labelled: number of valid pixels that have a label, int [tile].
        positive: number of labelled pixels of the positive class, int [tile].
    """

    scene: NDArray[np.str_]
    block: NDArray[np.int32]
    fold: NDArray[np.int32]
    validation: NDArray[np.bool_]
    labelled: NDArray[np.int64]
    positive: NDArray[np.int64]


def census(tiles: Tiles) -> Census:
    """Count the labels of tiles in memory."""
    labelled = (tiles.label != IGNORE) & tiles.valid
    return Census(
        tiles.scene,
        tiles.block,
        tiles.fold,
        tiles.validation,
        labelled.sum(axis=(1, 2)),
        (labelled & (tiles.label == 1)).sum(axis=(1, 2)),
    )


def balance(counted: Census, held_out: int) -> str:
    """Format a table of blocks, tiles, labelled pixels and class share by split.

    Args:
        counted: label counts of the tiles.
        held_out: the test fold.
    """
    lines = [f"{'split':<12}{'blocks':>8}{'tiles':>8}{'labelled px':>14}{'class share':>13}"]
    trained = np.where(counted.validation, "validation", "train")
    splits = np.where(counted.fold == held_out, "test", trained)
    for split in SPLITS:
        own = splits == split
        blocks = len(
            set(zip(counted.scene[own].tolist(), counted.block[own].tolist(), strict=True))
        )
        labelled, positive = int(counted.labelled[own].sum()), int(counted.positive[own].sum())
        share = f"{positive / labelled:13.4f}" if labelled else f"{'-':>13}"
        lines.append(f"{split:<12}{blocks:>8}{int(own.sum()):>8}{labelled:>14}{share}")
    return "\n".join(lines)


def _counts(tiles: Tiles) -> tuple[int, int]:
    counted = census(tiles)
    return int(counted.labelled.sum()), int(counted.positive.sum())


def imbalance(tiles: Tiles, folds: Folds) -> float:
    """Measure how far the splits are from the wanted sizes and from equal class shares.

    Sum the squared log ratios of size and class share over the splits of every held-out fold. 0 is
    best. The result is infinite if a split has no pixel of the class.
    """
    return sum(_imbalance(tiles.holding_out(fold), folds) for fold in folds.held_out)


def _imbalance(tiles: Tiles, folds: Folds) -> float:
    total, positives = _counts(tiles)
    test = 1 / folds.count
    wanted = {
        "train": (1 - test) * (1 - folds.validation_fraction),
        "validation": (1 - test) * folds.validation_fraction,
        "test": test,
    }
    score = 0.0
    for split, share in wanted.items():
        labelled, positive = _counts(tiles.where(split))
        if positive == 0:
            return float("inf")
        score += np.log(labelled / total / share) ** 2
        score += np.log((positive / labelled) / (positives / total)) ** 2
    return float(score)


def reassigned(tiles: Tiles, folds: Folds) -> Tiles:
    """Assign tiles to the blocks and folds that `folds` defines; no fold is held out."""
    places = [
        place(folds, scene, row, col)
        for scene, row, col in zip(
            tiles.scene.tolist(), tiles.row.tolist(), tiles.col.tolist(), strict=True
        )
    ]
    return Tiles(
        tiles.image,
        tiles.label,
        tiles.scene,
        tiles.row,
        tiles.col,
        block=np.array([p.block for p in places], np.int32),
        fold=np.array([p.fold for p in places], np.int32),
        validation=np.array([p.validation for p in places]),
        split=tiles.split,
        info=tiles.info,
    ).holding_out(None)
