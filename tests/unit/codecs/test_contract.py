"""The contract of `Codec`, checked for every codec in the registry; a new codec needs no edit here.

Tests of single codecs check their quality.
"""

import hashlib
import struct
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from codec_examples import example, example_options
from watched import decode_watched, describe

from workflow_lib.codecs.base import TOLERANCE, Codec, Encoded
from workflow_lib.codecs.registry import kinds, module_of, options_of
from workflow_lib.errors import BitstreamError, DownlinkError

BANDS = (1, 2, 13)
LEARNED_BANDS = (1, 13)
"""Numbers of bands for learned codecs; few, because each needs a training."""
SIZES = ((1, 1), (1, 7), (17, 33), (64, 63))
SHAPE = (2, 48, 56)
CLAIMED = (2, 2000, 2000)
MOST_GROWN = 8 * 2**20
"""Bytes that decoding a damaged payload of `SHAPE` may take; a `CLAIMED` image takes 16 MB."""
SECONDS = 1.0

every_codec = pytest.mark.parametrize("kind", kinds())
every_band_number = pytest.mark.parametrize(
    ("kind", "bands"),
    [(k, b) for k in kinds() for b in (LEARNED_BANDS if options_of(k).learned else BANDS)],
)
by_rate = [kind for kind in kinds() if options_of(kind).control == "bpppb"]


@pytest.fixture(scope="session")
def opened(tmp_path_factory):
    """Open the codec of a kind for a number of bands; each is trained once."""
    folder = tmp_path_factory.mktemp("weights")
    codecs = {}

    def get(kind, bands):
        if (kind, bands) not in codecs:
            found = example(kind, bands, folder)
            codecs[kind, bands] = found, found()
        return codecs[kind, bands]

    return get


@pytest.fixture
def codec_for(opened):
    return lambda kind, bands: opened(kind, bands)[1]


def images(scene, bands):
    """Return difficult images by name."""
    rng = np.random.default_rng(1)
    extremes = np.where(rng.random((bands, 64, 64)) < 0.5, 1, 65535).astype(np.uint16)
    mixed = scene(bands, 40, 24)
    mixed[0] = 700
    return {
        "lowest": np.ones((bands, 40, 24), np.uint16),
        "constant": np.full((bands, 40, 24), 300, np.uint16),
        "highest": np.full((bands, 40, 24), 65535, np.uint16),
        "one constant band": mixed,
        "next to nodata": rng.integers(1, 3, (bands, 33, 40)).astype(np.uint16),
        "extremes": extremes,
        **{f"{size}": scene(bands, *size) for size in SIZES},
    }


def require_image(image, shape):
    assert image.shape == shape
    assert image.dtype == np.uint16
    assert image.min() >= 1, "a decoded count is nodata"


def require_rate(coded, budget, log):
    spent = len(coded.payload) + len(coded.side)
    assert coded.at_floor == (spent > (1 + TOLERANCE) * budget)
    if spent < (1 - TOLERANCE) * budget:
        assert f"below the {budget} bytes asked for" in log


@every_codec
def test_the_module_has_the_name_and_description_of_its_kind(kind):
    options = example_options(kind)
    assert options.kind == kind
    assert options.__doc__
    assert options.canonical() == options_of(kind).parse(options.canonical()).canonical()


def test_parsing_options_imports_no_numerical_library():
    modules = [module_of(kind) for kind in kinds()]
    forbidden = ["numpy", "scipy", "torch", "imagecodecs", "glymur", "rasterio", "pandas"]
    asked = (
        "import importlib, sys\n"
        f"for module in {modules}:\n"
        "    importlib.import_module(module)\n"
        f"    for name in {{*{forbidden}}} & {{*sys.modules}}:\n"
        "        sys.exit(f'{module} imports {name} at its top: import it inside functions')"
    )
    found = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")


@every_band_number
def test_images_round_trip_and_rates_are_met_or_the_codec_reports_why_not(
    kind, bands, codec_for, scene, caplog
):
    codec = codec_for(kind, bands)
    for name, image in images(scene, bands).items():
        for bpppb in (0.4, 2.0) if kind in by_rate else (1.0,):
            caplog.clear()
            budget = max(int(bpppb * image.size / 8), 1)
            coded = codec.encode(image, budget)
            require_image(codec.decode(coded.payload, coded.side, image.shape), image.shape)
            assert 0 <= codec.payload_header(coded.payload) <= len(coded.payload), name
            if kind in by_rate:
                require_rate(coded, budget, caplog.text)


@pytest.mark.parametrize("kind", by_rate)
def test_a_budget_below_the_floor_sets_at_floor(kind, codec_for, scene):
    image = scene(2, 32, 32)
    coded = codec_for(kind, 2).encode(image, 20)
    assert coded.at_floor
    require_image(codec_for(kind, 2).decode(coded.payload, coded.side, image.shape), image.shape)


@pytest.mark.parametrize("kind", by_rate)
def test_lossless_returns_every_count_or_is_refused(kind, codec_for, scene):
    codec = codec_for(kind, 2)
    if not options_of(kind).lossless:
        with pytest.raises(DownlinkError, match=f"{kind} .*lossless"):
            codec.encode(scene(2, 32, 32), None)
        return
    every_count = np.arange(1, 65537).clip(1, 65535).astype(np.uint16).reshape(256, 256)
    shuffled = np.random.default_rng(0).permuted(every_count.ravel()).reshape(256, 256)
    for image in (*images(scene, 2).values(), np.stack([every_count, shuffled])):
        coded = codec.encode(image, None)
        assert not coded.at_floor
        decoded = codec.decode(coded.payload, coded.side, image.shape)
        np.testing.assert_array_equal(decoded, image)


@every_codec
def test_side_information_of_another_codec_is_refused(kind, codec_for, scene):
    codec, image = codec_for(kind, 2), scene(2, 32, 32)
    coded = codec.encode(image, 900)
    with pytest.raises(BitstreamError):
        codec.decode(coded.payload, coded.side + b"x", image.shape)


@every_codec
def test_a_batch_gives_the_same_payloads_as_its_images(kind, codec_for, scene):
    codec = codec_for(kind, 2)
    batch = [scene(2, 32, 48), scene(2, 48, 32), scene(2, 32, 48, seed=1)]
    budgets = [900, 800, 700]
    alone = [codec.encode(image, budget) for image, budget in zip(batch, budgets, strict=True)]
    assert codec.encode_batch(batch, budgets) == alone
    coded = [(each.payload, each.side) for each in alone]
    shapes = [image.shape for image in batch]
    for one, other in zip(
        codec.decode_batch(coded, shapes),
        [codec.decode(*pair, shape) for pair, shape in zip(coded, shapes, strict=True)],
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def hostile(coded, large):
    """Build cases that a decoder must refuse, or decode to an image of `SHAPE` in little memory.

    Args:
        coded: an image of `SHAPE`.
        large: an image of a larger shape, which its payload claims.
    """
    payload, side = coded.payload, coded.side
    cases = [(b"", side), (b"rubbish" * 20, side), (payload, side + b"x"), (payload + b"x", side)]
    cases += [(payload[:length], side) for length in range(1, len(payload), len(payload) // 20)]
    cases += [(large.payload, large.side), (large.payload, side)]
    for place in range(min(len(payload) - 4, 96)):
        for lie in (struct.pack("<I", 2**31 - 1), struct.pack(">I", 100_000), b"\xff" * 4):
            cases.append((payload[:place] + lie + payload[place + 4 :], side))
    return [(*case, SHAPE) for case in cases]


def require_refusals(open_codec, cases):
    """Decode an intact case and hostile cases in a new process, and check the contract."""
    intact, *damaged = decode_watched(open_codec, cases)
    for case, reply in zip(cases[1:], damaged, strict=True):
        assert reply.outcome in ("refused", "decoded"), f"{describe(case)}\n{reply.outcome}"
        assert reply.grown <= MOST_GROWN, f"{describe(case)} took {reply.grown} bytes"
        assert reply.seconds <= SECONDS, f"{describe(case)} took {reply.seconds} s"
    assert damaged[0].outcome == "refused", "no bytes at all are no image"
    return intact


@every_codec
def test_a_new_process_decodes_the_same_image_and_survives_hostile_bytes(kind, opened, scene):
    open_codec, codec = opened(kind, SHAPE[0])
    image = scene(*SHAPE)
    coded = codec.encode(image, 3000)
    flat = np.full(CLAIMED if kind in by_rate else (2, 256, 256), 300, np.uint16)
    large = codec.encode(flat, None if options_of(kind).lossless else 10_000)
    cases = [(coded.payload, coded.side, SHAPE), *hostile(coded, large)]
    intact = require_refusals(open_codec, cases)
    here = codec.decode(coded.payload, coded.side, SHAPE)
    assert intact.image == hashlib.sha256(here.tobytes()).hexdigest()


@dataclass(frozen=True)
class Trusting(Codec):
    """A codec of constant images that allocates what the payload's 70 bytes claim."""

    def encode(self, image, budget):
        return Encoded(struct.pack("<III", *image.shape) + bytes(56) + image[:1, 0, 0].tobytes())

    def decode(self, payload, side, shape):
        if len(payload) != 70:
            raise BitstreamError("damaged")
        image = np.full(struct.unpack("<III", payload[:12]), 300, np.uint16)
        if image.shape != shape:
            raise BitstreamError("another shape")
        return image

    def payload_header(self, payload):
        return 12


def test_the_contract_detects_a_decoder_that_trusts_a_claimed_size():
    codec = Trusting()
    claimed = np.broadcast_to(np.uint16(300), (1, 12_500, 12_000))
    assert claimed.nbytes == 300e6
    large = codec.encode(claimed, None)
    small = codec.encode(np.full(SHAPE, 300, np.uint16), None)
    assert len(large.payload) == 70
    cases = [(small.payload, b"", SHAPE), (b"", b"", SHAPE), (large.payload, b"", SHAPE)]
    with pytest.raises(AssertionError, match=r"took 300\d{6} bytes|took 29\d{7} bytes"):
        require_refusals(Trusting, cases)
