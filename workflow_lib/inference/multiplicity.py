"""Correct the primary claims of a study for multiple testing."""

from collections.abc import Sequence

from workflow_lib.inference.claims import ALPHA
from workflow_lib.inference.findings import Claim, Outcome
from workflow_lib.inference.intervals import holm


def corrected(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """Apply Holm's correction to the outcomes of claims; primary claims come first.

    The family consists of all primary claims that are testable and were run. Support and
    refutation are corrected separately. An undefined figure counts as p = 1. Correction either
    keeps a claim's outcome or makes it undecided. Claims outside the family keep their outcome.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6:65–70,
    1979.
    """
    primary = [claim for claim in claims if claim.primary]
    secondary = [claim for claim in claims if not claim.primary]
    family = [claim for claim in primary if claim.measures and claim.alone != "not testable"]
    support = holm([_or_one(claim.p_support) for claim in family])
    refute = holm([_or_one(claim.p_refute) for claim in family])
    judged = {
        id(claim): claim.model_copy(update={"outcome": _weakened(claim.alone, *p)})
        for claim, *p in zip(family, support, refute, strict=True)
    }
    return (*(judged.get(id(claim), claim) for claim in primary), *secondary)


def _weakened(alone: Outcome, p_support: float, p_refute: float) -> Outcome:
    p = {"supported": p_support, "refuted": p_refute}.get(alone, 1.0)
    return alone if p < ALPHA else "undecided"


def _or_one(p: float | None) -> float:
    return 1.0 if p is None else p
