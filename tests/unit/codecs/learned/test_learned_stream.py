"""Range coding of latents."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_lib.codecs.learned.stream import Reader, Writer, bits
from workflow_lib.codecs.learned.window import LEVELS, Mixtures, Tables
from workflow_lib.errors import BitstreamError

TABLES = Tables()


def random_windows(rng, count, components=3):
    return TABLES.windows(
        Mixtures(
            torch.from_numpy(rng.integers(-3000, 3000, (components, count)).astype(float)),
            torch.from_numpy(rng.integers(0, LEVELS, (components, count)).astype(float)),
            torch.from_numpy(rng.integers(1, 1025, (components, count)).astype(float)),
        )
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), images=st.integers(1, 4), spread=st.integers(1, 2**17))
def test_latents_round_trip_for_any_windows(seed, images, spread):
    rng = np.random.default_rng(seed)
    steps = [
        (rng.integers(-spread, spread + 1, (images, n)), random_windows(rng, images * n))
        for n in (1, 40, 7)
    ]
    writer = Writer(images)
    for values, windows in steps:
        writer.write(values, windows)
    reader = Reader(writer.streams())
    for values, windows in steps:
        np.testing.assert_array_equal(reader.read(windows), values)
    reader.finish()


@pytest.mark.parametrize("level", [10, 70, 90, 150, 230])
def test_payload_size_agrees_with_the_cross_entropy(level):
    rng = np.random.default_rng(level)
    sigma = 2 ** (level / 16 - 5)
    values = np.rint(rng.normal(0, sigma, (1, 20_000))).astype(np.int64)
    same = torch.ones(1, values.size, dtype=torch.float64)
    windows = TABLES.windows(Mixtures(0 * same, level * same, 1024 * same))
    writer = Writer(1)
    writer.write(values, windows)
    (stream,) = writer.streams()
    assert 8 * len(stream) == pytest.approx(bits(values, windows), rel=0.001, abs=64)


def test_truncated_streams_are_refused():
    rng = np.random.default_rng(0)
    windows = random_windows(rng, 300)
    writer = Writer(1)
    writer.write(rng.integers(-60, 60, (1, 300)), windows)
    (stream,) = writer.streams()
    with pytest.raises(BitstreamError, match="truncated"):
        Reader([stream[:-3]])
    longer = Reader([stream + bytes(40)])
    longer.read(windows)
    with pytest.raises(BitstreamError, match="damaged"):
        longer.finish()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_decoded_or_refused(data):
    windows = random_windows(np.random.default_rng(1), 100)
    try:
        values = Reader([data]).read(windows)
    except BitstreamError:
        return
    assert values.shape == (1, 100)
    assert np.abs(values).max() < 2**40
