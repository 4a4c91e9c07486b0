import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_lib.inference.bootstrap import block_df, block_weights, image_df


def _strata(positive, negative):
    return np.random.default_rng(7).permutation(np.arange(positive + negative) < positive)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 2**32))
def test_weights_of_each_stratum_add_up_to_its_blocks(positive, negative, seed):
    kinds = _strata(positive, negative)
    weights = block_weights(kinds, 50, seed)
    assert weights[:, kinds].sum(axis=1) == pytest.approx(positive)
    assert weights[:, ~kinds].sum(axis=1) == pytest.approx(negative)
    assert (weights >= 0).all()


@pytest.mark.parametrize("sizes", [(2, 3), (4, 30), (50, 1)])
def test_variance_of_a_total_agrees_with_the_textbook_formula(sizes):
    kinds = _strata(*sizes)
    values = np.random.default_rng(1).normal(10, 3, len(kinds))
    totals = block_weights(kinds, 40_000, 3) @ values
    strata = [values[mask] for mask in (kinds, ~kinds) if mask.sum() > 1]
    textbook = sum(len(s) * s.var(ddof=1) for s in strata)
    # the variance of 40,000 draws is known to about 0.7 %, more with heavy tails
    assert totals.var(ddof=1) == pytest.approx(textbook, rel=0.03)
    assert totals.mean() == pytest.approx(values.sum(), abs=5 * (textbook / 40_000) ** 0.5)


def test_the_only_block_of_a_stratum_always_weighs_one():
    kinds = _strata(1, 5)
    assert (block_weights(kinds, 100, 0)[:, kinds] == 1).all()


def test_equal_maps_have_no_difference_in_any_resample():
    rng = np.random.default_rng(0)
    tp, wrong = rng.integers(0, 50, (2, 3, 12)).astype(float)
    weights = block_weights(_strata(5, 7), 200, 0)

    def iou(tp, wrong):
        hit = weights @ tp.mean(axis=0)
        return hit / (hit + weights @ wrong.mean(axis=0))

    assert np.var(iou(tp, wrong) - iou(tp.copy(), wrong.copy())) == 0


def test_equal_seeds_give_equal_weights():
    kinds = _strata(4, 9)
    assert (block_weights(kinds, 20, 5) == block_weights(kinds, 20, 5)).all()
    assert (block_weights(kinds, 20, 5) != block_weights(kinds, 20, 6)).any()


@pytest.mark.parametrize(
    ("sizes", "of_maps", "of_images"),
    [
        ((4, 30), 3, 32),
        ((4, 0), 3, 3),
        ((50, 1), 49, 49),
        ((1, 6), 0, 5),
        ((0, 3), 0, 2),
        ((1, 1), 0, 0),
    ],
)
def test_degrees_of_freedom_count_positive_blocks_for_maps_and_all_blocks_for_images(
    sizes, of_maps, of_images
):
    assert block_df(_strata(*sizes)) == of_maps
    assert image_df(_strata(*sizes)) == of_images


def test_drawing_needs_little_memory_beyond_the_weights():
    kinds = _strata(1000, 1000)
    tracemalloc.start()
    weights = block_weights(kinds, 1000, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * weights.nbytes
