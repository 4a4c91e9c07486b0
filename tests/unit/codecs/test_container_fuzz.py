"""Decode some hundred damaged containers; tests/slow decodes ten thousand."""

from itertools import cycle

import pytest
from container_fuzz import KINDS, UNITS, decoding, fuzz, subject

CASES = 120


@pytest.mark.parametrize(("kind", "unit"), list(zip(KINDS, cycle(UNITS), strict=False)))
def test_damage_is_refused_or_decoded_quickly_in_little_memory(kind, unit, tmp_path):
    with decoding(subject(kind, unit, tmp_path)) as decoder:
        for repair in (False, True):
            wrong, summary = fuzz(decoder, repair, CASES // (2 * len(KINDS)))
            assert not wrong, f"{len(wrong)} of {summary}:\n" + "\n".join(wrong[:20])
