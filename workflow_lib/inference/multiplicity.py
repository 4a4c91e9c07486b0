"""The primary claims of a whole study, corrected for being many."""

from collections.abc import Sequence

from workflow_lib.inference.claims import ALPHA
from workflow_lib.inference.findings import Claim, Outcome
from workflow_lib.inference.intervals import holm


def corrected(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The claims with their outcomes after Holm's correction, primary ones first.

    Supports and refutations are corrected each over the family: the primary claims that are
    testable and were run. A member whose figure is undefined counts as p = 1. Correction leaves a
    claim the outcome that it has alone, or makes it undecided. Claims beside the family keep
    theirs.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6:65–70,
    1979.
    """
    primary = [claim for claim in claims if claim.primary]
    beside = [claim for claim in claims if not claim.primary]
    family = [claim for claim in primary if claim.measures and claim.alone != "not testable"]
    support = holm([_known(claim.p_support) for claim in family])
    refute = holm([_known(claim.p_refute) for claim in family])
    judged = {
        id(claim): claim.model_copy(update={"outcome": _weakened(claim.alone, *p)})
        for claim, *p in zip(family, support, refute, strict=True)
    }
    return (*(judged.get(id(claim), claim) for claim in primary), *beside)


def _weakened(alone: Outcome, p_support: float, p_refute: float) -> Outcome:
    p = {"supported": p_support, "refuted": p_refute}.get(alone, 1.0)
    return alone if p < ALPHA else "undecided"


def _known(p: float | None) -> float:
    return 1.0 if p is None else p
