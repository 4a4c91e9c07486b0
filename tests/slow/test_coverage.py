"""Simulate how often intervals contain the true value; run by `pytest -m slow`.

bench/coverage.py prints the same for other numbers of blocks and seeds.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from coverage import World, coverage, layout

TRIALS = 1_000
"""Gives 95 % to within ± 1.4 %; bench/coverage.py takes twice as many."""
RESAMPLES = 1_000


@pytest.mark.slow
@pytest.mark.parametrize("others", [50, 100])
def test_intervals_of_fifty_blocks_and_five_seeds_contain_the_true_value(others):
    shares = coverage(World(), layout(50, others), 5, TRIALS, RESAMPLES, 0)
    assert all(0.93 <= share <= 0.97 for share in shares), shares
