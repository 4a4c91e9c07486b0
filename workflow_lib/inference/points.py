"""Rate points of a study and maps made from them."""

from typing import NamedTuple

from workflow_lib.config.datasets import Dataset, PointName
from workflow_lib.paths import FINETUNED, rate_name


class RatePoint(NamedTuple):
    """A codec at a rate or, with a regime, the maps of its reconstructions.

    Attributes:
        codec, rate, regime, trained_on: see `measure.table.Key`.
    """

    codec: str
    rate: str
    regime: str = ""
    trained_on: str = ""

    @property
    def coded(self) -> "RatePoint":
        """The coded point that the map was made from; it has rate and distortion."""
        return RatePoint(self.codec, self.rate, self.regime if self.regime in FINETUNED else "")

    def __str__(self) -> str:
        """Text such as "jpeg2000 at 0.1, retrained"."""
        place = f"{self.codec} at {self.rate}" if self.codec else "the map of originals"
        trained_on = f" on {self.trained_on}" if self.trained_on else ""
        return f"{place}, {self.regime}{trained_on}" if self.codec and self.regime else place


ORIGINAL = RatePoint("", "", "original")
BASELINE = RatePoint("", "", "baseline")


def standalone(dataset: Dataset) -> list[RatePoint]:
    """All codecs of a dataset at all rates, in the configuration's order."""
    return [RatePoint(c, rate_name(rate)) for c, rates in dataset.rates.items() for rate in rates]


def fine_tuned(dataset: Dataset) -> list[RatePoint]:
    """Jointly trained points and their controls."""
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
        RatePoint(m.scored_on.codec, rate_name(m.scored_on.rate), "mismatched", _text(m.trained_on))
        for m in dataset.regimes.mismatched
    ]
    return [*plain, *mismatched, *fine_tuned(dataset)]


def _text(point: PointName) -> str:
    return f"{point.codec} at {rate_name(point.rate)}"
