"""Decode 10,000 damaged containers: each raises the documented error or gives pixels.

Takes minutes; run by `pytest -m slow`. tests/unit/codecs/test_container_fuzz.py runs a few cases.
The environment variable FUZZ_CASES sets another number; CI lowers it.
"""

import os
from math import ceil

import pytest
from container_fuzz import KINDS, UNITS, decoding, fuzz, subject

CASES = int(os.environ.get("FUZZ_CASES", "10000"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of a learned codec's weights, shared by all coding units."""
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
