"""10,000 damaged containers: each is refused by the one documented error, or gives pixels.

Takes minutes; run by `pytest -m slow`. tests/unit/codecs/test_container_fuzz.py does a few of them.
CI does fewer, by the environment variable FUZZ_CASES.
"""

import os
from math import ceil

import pytest
from container_fuzz import KINDS, UNITS, decoding, fuzz, subject

CASES = int(os.environ.get("FUZZ_CASES", "10000"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a learned codec's weights are kept for all its units."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_refused_or_decoded_quickly_in_little_memory(kind, unit, folder):
    cases = ceil(CASES / (2 * len(UNITS) * len(KINDS)))
    with decoding(subject(kind, unit, folder)) as decoder:
        for repair in (False, True):
            wrong, summary = fuzz(decoder, repair, cases)
            print(summary)
            assert not wrong, f"{len(wrong)} of {summary}:\n" + "\n".join(wrong[:20])
