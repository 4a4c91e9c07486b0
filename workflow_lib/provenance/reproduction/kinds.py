"""What is asked of each kind of artifact when a study is run twice: the one table of tiers."""

import re
from dataclasses import dataclass
from enum import StrEnum

from workflow_lib.provenance.reproduction.differences import (
    Measure,
    bytes_apart,
    counts_apart,
    errors_apart,
    estimates_apart,
    lists_apart,
    losses_apart,
    tables_apart,
)
from workflow_lib.provenance.reproduction.platform_match import PlatformMatch


class Tier(StrEnum):
    """How equal two runs have to be."""

    EXACT = "bit-exact"
    TOLERANCE = "tolerance"
    STATISTICAL = "statistical"


@dataclass(frozen=True)
class Kind:
    """Artifacts of which the same is asked.

    Attributes:
        name: what they are, in the plural.
        pattern: matches their whole names below the results folder; see `Finished.artifacts`.
        tier: how equal two of them have to be.
        needs: how alike the machines have to be for that.
        measure: tells how far two of them lie apart.
        unit: what its largest difference is in.
    """

    name: str
    pattern: str
    tier: Tier
    needs: PlatformMatch
    measure: Measure = bytes_apart
    unit: str = ""


_EVERYWHERE, _DEVICE, _PLATFORM = PlatformMatch.OTHER, PlatformMatch.DEVICE, PlatformMatch.PLATFORM

KINDS = (
    Kind("marks of archives", r"archives/.*", Tier.EXACT, _EVERYWHERE),
    Kind("scenes", r"[^/]+/scenes/.*", Tier.EXACT, _EVERYWHERE),
    Kind("lists of tile stores", r"[^/]+/tiles/.*\.txt", Tier.EXACT, _EVERYWHERE, lists_apart),
    Kind("tile stores, manifests", r"[^/]+/tiles/.*", Tier.EXACT, _EVERYWHERE),
    Kind("classical bitstreams", r"[^/]+/bitstreams/.*/any/.*", Tier.EXACT, _EVERYWHERE),
    Kind("threshold baselines", r"[^/]+/segmenters/threshold-baseline/.*", Tier.EXACT, _EVERYWHERE),
    Kind("codec weights", r"[^/]+/codecs/.*", Tier.EXACT, _PLATFORM),
    Kind("fine-tuning choices", r"[^/]+/segmenters/.*\.choice\.json", Tier.EXACT, _PLATFORM),
    Kind("segmenter weights", r"[^/]+/segmenters/.*", Tier.EXACT, _PLATFORM),
    Kind("learned bitstreams", r"[^/]+/bitstreams/.*", Tier.EXACT, _PLATFORM),
    Kind(
        "lists of reconstructions",
        r"[^/]+/reconstructions/.*\.txt",
        Tier.EXACT,
        _PLATFORM,
        lists_apart,
    ),
    Kind(
        "lossless reconstructions",
        r"[^/]+/reconstructions/[^/]+/lossless/.*",
        Tier.EXACT,
        _EVERYWHERE,
    ),
    Kind(
        "manifests of reconstructions",
        r"[^/]+/reconstructions/.*\.manifest\.json",
        Tier.EXACT,
        _PLATFORM,
    ),
    Kind("predictions", r"[^/]+/scores/.*\.npz", Tier.EXACT, _PLATFORM),
    Kind(
        "tables of figures",
        r"[^/]+/(distortion|scores)/.*|metrics\.parquet",
        Tier.EXACT,
        _PLATFORM,
    ),
    Kind("report", r"report\.html", Tier.EXACT, _PLATFORM),
    Kind(
        "classical reconstructions",
        r"[^/]+/reconstructions/.*/any/.*",
        Tier.TOLERANCE,
        _EVERYWHERE,
        counts_apart,
        "counts",
    ),
    Kind(
        "learned reconstructions",
        r"[^/]+/reconstructions/.*",
        Tier.TOLERANCE,
        _DEVICE,
        errors_apart,
        "dB",
    ),
    Kind("losses of trainings", r"runs/.*", Tier.TOLERANCE, _DEVICE, losses_apart, "of the loss"),
    Kind(
        "estimates",
        r"findings\.json",
        Tier.STATISTICAL,
        _EVERYWHERE,
        estimates_apart,
        "half intervals",
    ),
    Kind(
        "main table",
        r"main_table\.csv",
        Tier.STATISTICAL,
        _EVERYWHERE,
        tables_apart,
        "of the figure",
    ),
    Kind("others", r".*", Tier.EXACT, _PLATFORM),
)
"""In the order of the table that is printed; an artifact is of the first kind that fits."""


def kind_of(name: str) -> Kind:
    """The kind of the artifact of this name."""
    return next(kind for kind in KINDS if re.fullmatch(kind.pattern, name))
