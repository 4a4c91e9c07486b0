"""The rate points of a study, and the maps made of them."""

from typing import NamedTuple

from workflow_lib.config.datasets import Dataset, PointName
from workflow_lib.paths import FINETUNED, rate_name


class RatePoint(NamedTuple):
    """A codec at a rate, or maps of what it gave, as the tidy table names them.

    Attributes:
        codec, rate, regime, trained_on: see `measure.table.Key`.
    """

    codec: str
    rate: str
    regime: str = ""
    trained_on: str = ""

    @property
    def coded(self) -> "RatePoint":
        """What the map was made from: rate and distortion stand under this point."""
        return RatePoint(self.codec, self.rate, self.regime if self.regime in FINETUNED else "")

    def __str__(self) -> str:
        """E.g. jpeg2000 at 0.1, retrained."""
        place = f"{self.codec} at {self.rate}" if self.codec else "the map of originals"
        trained_on = f" on {self.trained_on}" if self.trained_on else ""
        return f"{place}, {self.regime}{trained_on}" if self.codec and self.regime else place


ORIGINAL = RatePoint("", "", "original")
BASELINE = RatePoint("", "", "baseline")


def standalone(dataset: Dataset) -> list[RatePoint]:
    """Every codec of a dataset at every rate, in the configuration's order."""
    return [RatePoint(c, rate_name(rate)) for c, rates in dataset.rates.items() for rate in rates]


def fine_tuned(dataset: Dataset) -> list[RatePoint]:
    """The jointly trained points and their controls."""
    points = dataset.points("joint").items()
    return [RatePoint(c, rate_name(r), g) for c, rates in points for r in rates for g in FINETUNED]


def mapped(dataset: Dataset) -> list[RatePoint]:
    """All maps of coded imagery, by regime."""
    plain = [
        RatePoint(codec, rate_name(rate), regime)
        for regime in ("frozen", "retrained")
        for codec, rates in dataset.points(regime).items()
        for rate in rates
    ]
    mismatched = [
        RatePoint(m.scored_on.codec, rate_name(m.scored_on.rate), "mismatched", _said(m.trained_on))
        for m in dataset.regimes.mismatched
    ]
    return [*plain, *mismatched, *fine_tuned(dataset)]


def _said(point: PointName) -> str:
    return f"{point.codec} at {rate_name(point.rate)}"
