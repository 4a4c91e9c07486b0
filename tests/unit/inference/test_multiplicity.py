import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_lib.inference.findings import Claim, Estimate, Measure
from workflow_lib.inference.multiplicity import corrected


def claim(dataset, p_support=1.0, p_refute=1.0, alone="undecided", primary=True, run=True):
    return Claim(
        hypothesis="H1",
        dataset=dataset,
        segmenter="unet",
        regime="frozen",
        primary=primary,
        measures=(Measure(name="BD-IoU", estimate=Estimate()),) * run,
        alone=alone,
        outcome=alone,
        p_support=p_support,
        p_refute=p_refute,
        training_tiles=20,
    )


def outcomes(*claims):
    return {found.dataset: found.outcome for found in corrected(claims)}


def test_a_family_of_two_is_tested_at_half_the_level():
    pair = claim("a", 0.03, alone="supported"), claim("b", 0.6)
    assert outcomes(*pair) == {"a": "undecided", "b": "undecided"}
    assert outcomes(claim("a", 0.02, alone="supported"), pair[1])["a"] == "supported"


def test_support_and_refutation_are_corrected_separately():
    found = outcomes(
        claim("a", p_support=0.02, alone="supported"),
        claim("b", p_refute=0.02, alone="refuted"),
    )
    assert found == {"a": "supported", "b": "refuted"}


@pytest.mark.parametrize(
    "outside",
    [
        claim("b", primary=False),
        claim("b", None, None, alone="not testable"),
        claim("b", None, None, run=False),
    ],
)
def test_the_family_holds_testable_primary_claims_only(outside):
    assert outcomes(claim("a", 0.03, alone="supported"), outside) == {
        "a": "supported",
        "b": outside.alone,
    }


def test_an_undefined_figure_counts_as_a_failed_test():
    lacking = claim("b", None, None)
    assert outcomes(claim("a", 0.03, alone="supported"), lacking)["a"] == "undecided"


def test_secondary_claims_keep_their_outcome():
    family = [claim(str(n), 0.04, alone="supported") for n in range(5)]
    found = corrected([claim("x", 0.04, alone="supported", primary=False), *family])
    assert [c.outcome for c in found] == ["undecided"] * 5 + ["supported"]


def test_a_claim_that_loses_support_is_not_refuted():
    # e.g. a gain of joint training between 0 and the margin: support takes precedence
    found = outcomes(claim("a", 0.03, 0.001, alone="supported"), claim("b"))
    assert found["a"] == "undecided"


p_values = st.none() | st.floats(0, 1)
members = st.builds(
    claim,
    st.just("any"),
    p_values,
    p_values,
    st.sampled_from(["supported", "refuted", "undecided"]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(members, max_size=6))
def test_correction_only_weakens_outcomes(family):
    for before, after in zip(family, corrected(family), strict=True):
        assert after.outcome in {before.alone, "undecided"}
        assert after == before.model_copy(update={"outcome": after.outcome})
