"""Scores of a map that follow from sums over tiles: pixels by outcome and events."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from workflow_lib.data.tiles import Tiles
from workflow_lib.measure import metric_names
from workflow_lib.measure.events import Events, detect
from workflow_lib.measure.segmentation import Confusion, confusion
from workflow_lib.segmentation.labels import scored_label

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MapScores:
    """Counts of pixels and events in each tile of a map."""

    pixels: Confusion
    events: Events

    @classmethod
    def of(cls, tiles: Tiles, predicted: NDArray[np.bool_]) -> Self:
        """Compare `predicted`, bool [tile, y, x], with the tiles' labels."""
        return cls(confusion(scored_label(tiles), predicted), detect(tiles, predicted))

    @classmethod
    def from_rows(cls, rows: "pd.DataFrame") -> Self:
        """Recover the counts from rows of tiles that `per_tile` made, for one map."""
        return cls(Confusion.from_rows(rows), Events.from_rows(rows))

    def per_tile(self) -> dict[str, Floats]:
        """Scores of each tile, float64 [tile], by metric name; nan where undefined."""
        pixels, events = self.pixels.per_tile(), self.events
        labelled = (
            pixels[metric_names.TP]
            + pixels[metric_names.FP]
            + pixels[metric_names.FN]
            + pixels[metric_names.TN]
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            return pixels | {
                metric_names.EVENT_RECALL: events.found / events.events,
                metric_names.FALSE_ALARMS_PER_MPX: 1e6 * events.false_alarms / labelled,
                metric_names.EVENTS: events.events.astype(np.float64),
                metric_names.EVENTS_FOUND: events.found.astype(np.float64),
                metric_names.FALSE_ALARMS: events.false_alarms.astype(np.float64),
            }

    def pooled(self) -> dict[str, float]:
        """Scores of all tiles together, by metric name: ratios of sums, not means of ratios."""
        whole = type(self)(self.pixels.summed(), self.events.summed())
        return {name: float(value[0]) for name, value in whole.per_tile().items()}
