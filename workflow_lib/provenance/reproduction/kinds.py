"""Kinds of artifacts, each with the tier that it must meet when a study is run twice."""

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
    """How closely two runs must agree."""

    EXACT = "bit-exact"
    TOLERANCE = "tolerance"
    STATISTICAL = "statistical"


@dataclass(frozen=True)
class Kind:
    """A kind of artifact and its requirement.

    Attributes:
        name: name of the kind, in the plural.
        pattern: matches whole paths below the results folder; see `Finished.artifacts`.
        tier: how closely two of them must agree.
        needs: lowest platform match for which the tier is required.
        measure: function that measures the difference of two of them.
        unit: unit of the largest difference.
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
"""In the order of the printed table; an artifact belongs to the first kind that matches."""


def kind_of(name: str) -> Kind:
    """The kind of the artifact of this name."""
    return next(kind for kind in KINDS if re.fullmatch(kind.pattern, name))
