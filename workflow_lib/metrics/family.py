"""The primary claims of a whole study, corrected for being many."""

from collections.abc import Sequence

from workflow_lib.metrics.claims import outcome
from workflow_lib.metrics.findings import Claim
from workflow_lib.metrics.intervals import holm


def corrected(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The claims with their outcomes after Holm's correction, primary ones first.

    Supports and refutations are corrected each over the family: the primary claims that are
    testable and were run. A member whose figure is undefined counts as p = 1. Claims beside the
    family keep the outcome that they have alone.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6:65–70,
    1979.
    """
    primary = [claim for claim in claims if claim.primary]
    beside = [claim for claim in claims if not claim.primary]
    family = [claim for claim in primary if claim.measures and claim.alone != "not testable"]
    support = holm([_known(claim.p_support) for claim in family])
    refute = holm([_known(claim.p_refute) for claim in family])
    judged = {
        id(claim): claim.model_copy(update={"outcome": outcome(*p)})
        for claim, *p in zip(family, support, refute, strict=True)
    }
    return (*(judged.get(id(claim), claim) for claim in primary), *beside)


def _known(p: float | None) -> float:
    return 1.0 if p is None else p
