"""Count labelled objects (events) that a map finds, and its false alarms."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from workflow_lib.codecs.mosaic import Mosaic
from workflow_lib.data.tiles import Tiles
from workflow_lib.measure import metric_names
from workflow_lib.segmentation.labels import scored_label

if TYPE_CHECKING:
    import pandas as pd

_CONNECTIVITY = np.ones((3, 3), bool)
"""Diagonal neighbours connect as well."""

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Events:
    """Number of objects in each tile, int64 [tile].

    An object that spans tiles counts in the tile of its first pixel.

    Attributes:
        events: connected groups of labelled pixels.
        found: events of which the map has at least one pixel.
        false_alarms: connected groups of mapped pixels without a labelled pixel.
    """

    events: Counts
    found: Counts
    false_alarms: Counts

    @classmethod
    def from_rows(cls, rows: "pd.DataFrame") -> Self:
        """Recover the counts from the rows of tiles of one map."""
        tiles = rows[rows["row"].notna()]
        wide = tiles.pivot(index=["scene", "row", "col"], columns="metric", values="value")
        columns = (metric_names.EVENTS, metric_names.EVENTS_FOUND, metric_names.FALSE_ALARMS)
        return cls(*(wide[name].to_numpy(np.int64) for name in columns))

    def summed(self) -> Self:
        """Add up the counts of all tiles; int64 [1] each."""
        return type(self)(
            *(each.sum(keepdims=True) for each in (self.events, self.found, self.false_alarms))
        )


def detect(tiles: Tiles, predicted: NDArray[np.bool_]) -> Events:
    """Compare a map with the labels, object by object.

    Objects may span several tiles of a scene. Diagonal neighbours connect. Ignored and nodata
    pixels count as neither labelled nor mapped.

    Args:
        tiles: the tiles to score.
        predicted: their map, bool [tile, y, x].
    """
    label = scored_label(tiles)
    counts = np.zeros((3, len(tiles)), np.int64)
    for scene in np.unique(tiles.scene):
        own = tiles.scene == scene
        row, col = tiles.row[own].astype(np.int64), tiles.col[own].astype(np.int64)
        # keep gaps between tiles: tiles that do not touch must not become neighbours
        mosaic = Mosaic(row - row.min(), col - col.min(), tiles.image.shape[-1])
        counts[:, own] = _of_scene(mosaic, label[own] == 1, (predicted & (label <= 1))[own])
    return Events(*counts)


def _of_scene(mosaic: Mosaic, labelled: NDArray[np.bool_], mapped: NDArray[np.bool_]) -> Counts:
    def canvas(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(mosaic.assemble(pixels[:, None].astype(np.uint16))[0] > 0)

    truth, found = canvas(labelled), canvas(mapped)
    events, hit = _objects(truth, found)
    alarms, touching = _objects(found, truth)
    return np.stack(
        [
            _by_tile(mosaic, events, len(labelled)),
            _by_tile(mosaic, events[hit], len(labelled)),
            _by_tile(mosaic, alarms[~touching], len(labelled)),
        ]
    )


def _objects(
    pixels: NDArray[np.bool_], other: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """First pixel of every object, [object, (y, x)], and whether `other` overlaps the object."""
    from scipy.ndimage import label

    numbered, count = label(pixels, _CONNECTIVITY)
    inside = np.flatnonzero(numbered)
    numbers, first = np.unique(numbered.ravel()[inside], return_index=True)
    starts = np.stack(np.unravel_index(inside[first], pixels.shape), axis=1)
    met = np.bincount(numbered[other], minlength=count + 1)[numbers] > 0
    return starts, met


def _by_tile(mosaic: Mosaic, starts: NDArray[np.intp], tiles: int) -> Counts:
    places = {
        place: n
        for n, place in enumerate(zip(mosaic.row.tolist(), mosaic.col.tolist(), strict=True))
    }
    cells = (starts // mosaic.tile).tolist()
    own = np.array([places[y, x] for y, x in cells], np.int64)
    return np.bincount(own, minlength=tiles)
