"""Join bitstreams to one: the lengths of all but the last, then the bitstreams."""

import struct
from collections.abc import Sequence
from itertools import accumulate, pairwise

from workflow_lib.errors import BitstreamError


def index_length(count: int) -> int:
    """Return the bytes before `count` bitstreams: a little-endian u32 for each but the last."""
    return 4 * (count - 1)


def pack(streams: Sequence[bytes]) -> bytes:
    """Join bitstreams; a single one stays as it is."""
    lengths = [len(stream) for stream in streams[:-1]]
    return struct.pack(f"<{len(lengths)}I", *lengths) + b"".join(streams)


def unpack(payload: bytes, count: int) -> list[bytes]:
    """Split the bytes that `pack` returned.

    Raises:
        BitstreamError: the bytes do not hold `count` bitstreams.
    """
    start = index_length(count)
    if len(payload) < start:
        raise BitstreamError(f"{len(payload)} bytes do not contain {count} bitstreams.")
    lengths = struct.unpack_from(f"<{count - 1}I", payload)
    if start + sum(lengths) > len(payload):
        raise BitstreamError(f"The {count} bitstreams are truncated.")
    ends = [*accumulate(lengths, initial=start), len(payload)]
    return [payload[first:last] for first, last in pairwise(ends)]
