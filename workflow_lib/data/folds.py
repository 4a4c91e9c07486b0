"""Assign spatial blocks to folds by a stable hash, so that new data reassign no block."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from workflow_lib.config.datasets import Folds
from workflow_lib.errors import DownlinkError


@dataclass(frozen=True)
class Place:
    """Block, fold and role of a tile.

    Attributes:
        block: number of the tile's block, unique within the scene.
        fold: number of the block's fold.
        validation: whether the block is used for validation, not training, while another fold is
            held out.
    """

    block: int
    fold: int
    validation: bool


def place(folds: Folds, scene: str, row: int, col: int) -> Place:
    """Return the block and fold of the tile at (`row`, `col`) of a scene's grid of tiles."""
    block_row, block_col = row // folds.block_tiles, col // folds.block_tiles
    key = f"{folds.salt}/{scene}/{block_row}/{block_col}"
    hashed = key if folds.by == "block" else f"{folds.salt}/{scene}"
    return Place(
        # Pack both indices into one number that does not depend on the scene's size.
        block=(block_row << 15) | block_col,
        fold=_hash(hashed) % folds.count,
        validation=_hash(f"validation/{key}") < folds.validation_fraction * 2**64,
    )


def trained_on(folds: Folds, scenes: Sequence[str], held_out: int) -> tuple[str, ...]:
    """List the scenes that can have blocks for training or validation while a fold is held out."""
    if folds.by == "block":
        return tuple(scenes)
    return tuple(scene for scene in scenes if place(folds, scene, 0, 0).fold != held_out)


def require_fair_folds(dataset: str, folds: Folds, scenes: Sequence[str], learned: bool) -> None:
    """Refuse folds that score a learned codec on a scene it was trained on, or on no scene.

    Args:
        dataset: name of the dataset.
        folds: how blocks or scenes are assigned to folds.
        scenes: names of the dataset's scenes.
        learned: whether a codec is trained on the dataset.

    Raises:
        DownlinkError: the folds are unfair; the message says what to configure instead.
    """
    key = f"configuration: datasets.{dataset}.tiling.folds"
    if folds.by == "block":
        if learned and len(scenes) > 1:
            raise DownlinkError(
                f"{key}.by: a codec is trained on {len(scenes)} scenes. Assign whole scenes to "
                "folds (by: scene), so that it is never scored on a scene that it was trained on."
            )
        return
    if _every_fold_has_scenes(folds, scenes):
        return
    salts = (folds.model_copy(update={"salt": str(n)}) for n in range(1000))
    better = next((f.salt for f in salts if _every_fold_has_scenes(f, scenes)), None)
    alone = "Assign the blocks of the only one (by: block)."
    more = "Give more scenes, or fewer folds." if len(scenes) > 1 else alone
    remedy = f'Salt "{better}" does.' if better else more
    raise DownlinkError(
        f'{key}.salt: with "{folds.salt}", some of the {folds.count} folds get none of the '
        f"{len(scenes)} scenes. {remedy}"
    )


def _every_fold_has_scenes(folds: Folds, scenes: Sequence[str]) -> bool:
    return {place(folds, scene, 0, 0).fold for scene in scenes} == set(range(folds.count))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
