"""Untrusted bytes quickly give the documented error or an image, and never a crash."""

import json
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflow_lib.codecs import openjpeg
from workflow_lib.codecs.framing import pack, unpack
from workflow_lib.codecs.kinds.jpeg2000 import Jpeg2000Codec
from workflow_lib.codecs.kinds.jpegxl import JpegXlCodec
from workflow_lib.errors import BitstreamError

SHAPE = (2, 48, 56)
CODECS = {"jpeg2000": Jpeg2000Codec(), "jpegxl": JpegXlCodec(effort=3)}
CASES = 150


@pytest.fixture(scope="module")
def coded(scene):
    image = scene(*SHAPE)
    return {
        (kind, budget): codec.encode(image, budget)
        for kind, codec in CODECS.items()
        for budget in (900, None)
    }


@st.composite
def damages(draw):
    """Draw damage to bytes: its kind, a seed and a count."""
    kind = draw(st.sampled_from(["flip", "byte", "cut", "insert", "repeat", "zero"]))
    return kind, draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 8))


def damaged(payload, damage):
    kind, seed, count = damage
    rng = np.random.default_rng(seed)
    data = bytearray(payload)
    # half of the damage is in the header, which contains sizes and styles
    end = len(data) if rng.random() < 0.5 else min(len(data), 140)
    for place in rng.integers(0, end, count).tolist():
        if kind == "flip":
            data[place] ^= 1 << int(rng.integers(8))
        elif kind == "byte":
            data[place] = int(rng.integers(256))
        elif kind == "insert":
            data[place:place] = rng.bytes(4)
        elif kind == "repeat":
            data[place:place] = data[place : place + 16]
        elif kind == "zero":
            data[place : place + 8] = bytes(len(data[place : place + 8]))
        else:
            del data[place:]
    return bytes(data)


@pytest.mark.parametrize("budget", [900, None])
@pytest.mark.parametrize("kind", CODECS)
@settings(
    max_examples=CASES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(damage=damages())
def test_damaged_bytes_are_refused_or_decoded(coded, kind, budget, damage):
    good = coded[kind, budget]
    began = time.process_time()
    try:
        image = CODECS[kind].decode(damaged(good.payload, damage), good.side, SHAPE)
    except BitstreamError:
        pass
    else:
        assert image.shape == SHAPE
        assert image.dtype == np.uint16
        assert image.min() >= 1
    assert time.process_time() - began < 1


@pytest.mark.parametrize("budget", [900, None])
@pytest.mark.parametrize("kind", CODECS)
def test_every_truncation_is_refused(coded, kind, budget):
    good = coded[kind, budget]
    for length in np.unique(np.geomspace(1, len(good.payload), 60).astype(int) - 1).tolist():
        with pytest.raises(BitstreamError):
            CODECS[kind].decode(good.payload[:length], good.side, SHAPE)


@pytest.mark.parametrize("value", [0, 1, 49, 57, 2**16 - 1, 2**31, 2**32 - 1])
@pytest.mark.parametrize("place", range(8, 40, 4))
def test_false_jpeg_2000_sizes_are_refused_before_openjpeg(coded, monkeypatch, place, value):
    """Extents and offsets of image and tile, ISO/IEC 15444-1, A.5.1."""
    good = coded["jpeg2000", 900].payload
    bad = good[:place] + struct.pack(">I", value) + good[place + 4 :]
    monkeypatch.setattr(openjpeg, "_glymur", lambda: pytest.fail("OpenJPEG was asked"))
    if bad != good:
        with pytest.raises(BitstreamError):
            Jpeg2000Codec().decode(bad, b"", SHAPE)


@pytest.mark.parametrize(
    ("marker", "offset", "value"),
    [
        (b"\xff\x51", 5, 1),  # capabilities
        (b"\xff\x51", 39, 3),  # number of components
        (b"\xff\x51", 40, 7),  # depth
        (b"\xff\x51", 41, 2),  # subsampling
        (b"\xff\x52", 4, 1),  # precincts
        (b"\xff\x52", 7, 255),  # layers
        (b"\xff\x52", 8, 1),  # component transform
        (b"\xff\x52", 9, 32),  # levels
        (b"\xff\x52", 10, 8),  # code-blocks
        (b"\xff\x52", 12, 63),  # their style
        (b"\xff\x52", 13, 1),  # wavelet
        (b"\xff\x5c", 3, 100),  # length of the step sizes
        (b"\xff\x90", 5, 1),  # tile
        (b"\xff\x90", 9, 0),  # length of the tile-part
        (b"\xff\x90", 11, 2),  # number of tile-parts
    ],
)
def test_other_jpeg_2000_profiles_are_refused_before_openjpeg(
    coded, monkeypatch, marker, offset, value
):
    bad = bytearray(coded["jpeg2000", 900].payload)
    bad[bad.find(marker) + offset] = value
    monkeypatch.setattr(openjpeg, "_glymur", lambda: pytest.fail("OpenJPEG was asked"))
    with pytest.raises(BitstreamError):
        Jpeg2000Codec().decode(bytes(bad), b"", SHAPE)


def test_a_jpeg_2000_comment_or_second_size_is_refused(coded):
    good = coded["jpeg2000", 900].payload
    size = good[2 : good.find(b"\xff\x52")]
    for extra in (b"\xff\x64\x00\x05\x00\x01x", size):
        with pytest.raises(BitstreamError):
            Jpeg2000Codec().decode(
                good[: 2 + len(size)] + extra + good[2 + len(size) :], b"", SHAPE
            )


# Not ru_maxrss, because a process inherits it from its parent.
_PEAK = """
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
"""

_LIAR = (
    _PEAK
    + """
import json, sys, time
import imagecodecs, numpy as np
from workflow_lib.codecs.kinds.jpegxl import JpegXlCodec
from workflow_lib.errors import BitstreamError

stream = open(sys.argv[1], "rb").read()
JpegXlCodec(3).decode(imagecodecs.jpegxl_encode(np.ones((48, 56), np.uint16)), b"", (1, 48, 56))
before, began = peak(), time.process_time()
try:
    JpegXlCodec(3).decode(stream, b"", (1, 48, 56))
except BitstreamError:
    print(json.dumps({"seconds": time.process_time() - began, "grown": peak() - before}))
"""
)


def test_very_many_segments_are_refused_quickly():
    flood = b"\xff\x4f" + b"\xff\x53\x00\x02" * 500_000 + b"\xff\x90"
    started = time.process_time()
    with pytest.raises(BitstreamError, match="segments that this codec never writes"):
        openjpeg.decode(flood, SHAPE)
    assert (
        time.process_time() - started < 1
    )  # the documented limit, which an earlier version exceeded


def test_a_false_jpeg_xl_size_is_refused_before_decoding(tmp_path):
    import imagecodecs

    file = tmp_path / "image.jxl"
    file.write_bytes(imagecodecs.jpegxl_encode(np.ones((9000, 9000), np.uint16), effort=1))
    command = [sys.executable, "-c", _LIAR, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["seconds"] < 0.2
    assert found["grown"] < 4_000_000  # the image takes 162 MB


_DECODER = (
    _PEAK
    + """
import sys
from workflow_lib.codecs.kinds.jpeg2000 import Jpeg2000Codec

small, large = (open(name, "rb").read() for name in sys.argv[1:])
Jpeg2000Codec().decode(small, b"", (1, 32, 32))
before = peak()
image = Jpeg2000Codec().decode(large, b"", (1, 1500, 1500))
print((peak() - before) / image.nbytes)
"""
)


def test_decoding_takes_at_most_five_times_the_images_bytes(tmp_path, scene):
    for name, side in (("small", 32), ("large", 1500)):
        coded = Jpeg2000Codec().encode(scene(1, side, side), side * side // 20 + 200)
        (tmp_path / name).write_bytes(coded.payload)
    command = [sys.executable, "-c", _DECODER, str(tmp_path / "small"), str(tmp_path / "large")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 1 < float(done.stdout) < 5


@pytest.mark.parametrize(
    "other",
    [np.ones((48, 56, 3), np.uint8), np.ones((48, 56), np.uint8), np.ones((48, 56), np.float32)],
    ids=["colours", "bytes", "floats"],
)
def test_a_jpeg_xl_of_another_kind_is_refused(other):
    import imagecodecs

    with pytest.raises(BitstreamError):
        JpegXlCodec(3).decode(imagecodecs.jpegxl_encode(other), b"", (1, *SHAPE[1:]))


@pytest.mark.parametrize("streams", [[b"abc"], [b"", b"ab", b"c"], [b"a", b""]])
def test_packed_streams_round_trip(streams):
    assert unpack(pack(streams), len(streams)) == streams


@pytest.mark.parametrize("payload", [b"", b"\0\0\0", struct.pack("<I", 5) + b"1234", b"\xff" * 8])
def test_a_false_index_is_refused(payload):
    with pytest.raises(BitstreamError):
        unpack(payload, 2)
