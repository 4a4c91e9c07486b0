"""Compare the integer windows with SciPy's normal distribution."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from workflow_lib.codecs.learned.stream import bits
from workflow_lib.codecs.learned.window import EDGES, LEVELS, Mixtures, Tables
from workflow_lib.errors import DownlinkError

TABLES = Tables()


def mixtures(means, sigmas, weights):
    """Build the mixture of one latent from plain numbers; weights are powers of two."""
    level = (np.log2(sigmas) + 5) * 16
    columns = np.array(means) * 64, np.round(level), 1024 * np.array(weights)
    return Mixtures(*(torch.tensor(np.round(c), dtype=torch.float64)[:, None] for c in columns))


def coded_bits(mixture, values):
    """Return the bits of each value, from the windows."""
    windows = TABLES.windows(mixture)
    return np.array([bits(np.array([[v]]), windows) for v in values])


@pytest.mark.parametrize("mean", [0.0, 0.5, -3.25, 1000.75])
@pytest.mark.parametrize("sigma", [0.05, 0.4, 1.0, 2.9, 6.0, 40.0, 900.0])
def test_a_gaussian_costs_its_entropy(mean, sigma):
    values = np.arange(int(mean - 8 * sigma) - 1, int(mean + 8 * sigma) + 2)
    chances = norm.cdf(values + 0.5, mean, sigma) - norm.cdf(values - 0.5, mean, sigma)
    likely = chances > 1e-12
    step = max(1, likely.sum() // 400)
    values, chances = values[likely][::step], chances[likely][::step]
    entropy = -(chances * np.log2(chances)).sum()
    spent = (chances * coded_bits(mixtures([mean], [sigma], [1]), values)).sum()
    assert spent <= 1.006 * entropy + 2e-3


def test_a_mixture_is_the_weighted_sum():
    parts = [(-2.0, 0.5, 0.5), (1.5, 2.0, 0.25)]
    values = np.arange(-8, 9)
    chances = sum(
        weight / 0.75 * (norm.cdf(values + 0.5, m, s) - norm.cdf(values - 0.5, m, s))
        for m, s, weight in parts
    )
    windows = TABLES.windows(mixtures(*zip(*parts, strict=True)))
    found = windows.frequencies[0] / windows.frequencies.sum()
    start = int(windows.origin[0])
    singles = [i for i in range(1, len(EDGES)) if EDGES[i] - EDGES[i - 1] == 1]
    expected = [chances[values == start + EDGES[i - 1]][0] for i in singles]
    np.testing.assert_allclose(found[singles], expected, atol=0.004)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-(2**23), 2**23), st.integers(0, LEVELS - 1), st.sampled_from([0, 1, 1024])
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_network_output_gives_a_valid_distribution(parts):
    parts[0] = (*parts[0][:2], 1024)
    columns = torch.tensor(parts, dtype=torch.float64).T[:, :, None]
    windows = TABLES.windows(Mixtures(*columns))
    assert (windows.frequencies >= 0).all()
    assert 0 < windows.frequencies.sum() < 2**31
    assert (windows.frequencies == np.floor(windows.frequencies)).all()
    assert 0 <= windows.shift[0] < 16


@pytest.mark.parametrize("name", ["cumulative", "per_sigma", "weights"])
def test_invalid_tables_are_refused(name):
    tables = Tables()
    getattr(tables, name)[3] = -5
    with pytest.raises(DownlinkError, match=name):
        tables.require_sane()
