"""Look up figures of the tidy table by point, metric and seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from workflow_lib.errors import DownlinkError
from workflow_lib.inference.points import RatePoint
from workflow_lib.inference.replicates import Floats

_POINT = list(RatePoint._fields)
_UNTRAINED = -1
"""Represents the missing seed of untrained points."""


@dataclass(frozen=True)
class Measurements:
    """Figures of one dataset and segmenter, over all blocks or block by block.

    Attributes:
        dataset: name of the dataset.
        frame: values, with a row for each point, metric and seed and a column for each block.
        seeds: training seeds that every trained point has.
    """

    dataset: str
    frame: pd.DataFrame
    seeds: tuple[int, ...]

    @classmethod
    def by_block(cls, dataset: str, rows: pd.DataFrame, side: int) -> Self:
        """Sum figures over blocks of `side` × `side` tiles; no block spans two scenes.

        Args:
            dataset: name of the dataset.
            rows: rows of single tiles, with figures that can be added up.
            side: side of a block in tiles.

        Raises:
            DownlinkError: points were scored on different tiles, or share no seed.
        """
        block = rows.groupby(["scene", rows["row"] // side, rows["col"] // side]).ngroup()
        keys = [*_POINT, "metric", "seed", "block"]
        of_tiles = _trained(rows).assign(block=block).groupby(keys)["value"].agg(["sum", "size"])
        tiles = of_tiles["size"].unstack("block")
        odd = tiles.index[(tiles != tiles.iloc[0]).any(axis=1)]
        if len(odd):
            raise DownlinkError(
                f"{dataset}: {RatePoint(*odd[0][:4])} was scored on other tiles than other points. "
                "Delete the dataset's tables of metrics and run the study again."
            )
        return cls(dataset, of_tiles["sum"].unstack("block"), _shared_seeds(dataset, tiles))

    def pooled(self, rows: pd.DataFrame) -> Self:
        """Figures over all blocks, from rows of pooled figures, with the same seeds."""
        frame = _trained(rows).set_index([*_POINT, "metric", "seed"])[["value"]].sort_index()
        return type(self)(self.dataset, frame, self.seeds)

    def values(self, point: RatePoint, metric: str) -> Floats:
        """Values of a point, float64 [seed, block]; one row if nothing was trained.

        Raises:
            DownlinkError: the table has no such metric of the point.
        """
        if (*point, metric) not in self.frame.index:
            raise DownlinkError(
                f"{self.dataset}: the table of metrics has no {metric} of {point}. "
                "Run the study again."
            )
        found = self.frame.xs((*point, metric))
        chosen = found if _UNTRAINED in found.index else found.loc[list(self.seeds)]
        return np.asarray(chosen.to_numpy(np.float64))

    def stacked(self, point: RatePoint, metrics: Sequence[str]) -> Floats:
        """Values of several metrics of a point, float64 [metric, seed, block]."""
        return np.stack([self.values(point, metric) for metric in metrics])


def _trained(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(seed=rows["seed"].fillna(_UNTRAINED).astype("int64"))


def _shared_seeds(dataset: str, tiles: pd.DataFrame) -> tuple[int, ...]:
    points = tiles.index.to_frame(index=False).drop(columns="metric").drop_duplicates()
    trained = points[points["seed"] != _UNTRAINED]
    if trained.empty:
        return (_UNTRAINED,)
    having = trained.groupby("seed").size()
    shared = having.index[having == len(trained[_POINT].drop_duplicates())]
    if shared.empty:
        raise DownlinkError(f"{dataset}: no seed was trained at every point. Run the study again.")
    return tuple(int(seed) for seed in shared)
