"""The rate search reaches a size within 1 %, or the best possible size."""

import math

import pytest

from workflow_lib.codecs.rate_search import nearest_size


def smooth(parameter):
    return bytes(int(20_000 / parameter))


@pytest.mark.parametrize("size", [250, 1000, 19_000, 150_000])
def test_a_reachable_size_is_reached(size):
    assert len(nearest_size(smooth, 0.1, 100.0, size)) == pytest.approx(size, rel=0.01)


def test_sizes_that_are_not_monotone_are_handled():
    def uneven(parameter):
        return bytes(int(20_000 / parameter * (1 + 0.03 * math.sin(40 * parameter))))

    assert len(nearest_size(uneven, 0.1, 100.0, 3000)) == pytest.approx(3000, rel=0.01)


def test_the_smaller_of_two_neighbouring_sizes_is_chosen():
    def steps(parameter):
        return bytes(4000 if parameter < 3 else 1000)

    assert len(nearest_size(steps, 0.1, 100.0, 2500)) == 1000


def test_a_size_below_the_floor_gives_the_coarsest_after_one_try():
    tried = []

    def encode(parameter):
        tried.append(parameter)
        return smooth(parameter)

    assert len(nearest_size(encode, 0.1, 100.0, 150)) == 200
    assert tried == [100.0]


def test_a_size_above_the_finest_gives_almost_the_finest():
    assert len(nearest_size(smooth, 0.1, 100.0, 10**6)) > 190_000
