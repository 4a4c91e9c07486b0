"""JPEG 2000 Part 1 through OpenJPEG: irreversible 9-7 wavelet, all bands in one raw codestream."""

import os
import struct
import sys
import tempfile
import warnings
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from workflow_lib.codecs.base import Codec, Encoded, as_counts, misses
from workflow_lib.config.codecs import Jpeg2000
from workflow_lib.data.tiles import TileInfo
from workflow_lib.errors import BitstreamError, DownlinkError

_START_OF_TILE_PART = b"\xff\x90"
_CLOSE = 0.005
_TRIES = 6
_CONTAINER_BYTES_PER_SAMPLE = 2


@cache
def _glymur() -> ModuleType:
    """Glymur bound to the OpenJPEG that rasterio's wheel carries; glymur itself ships none."""
    if "glymur" in sys.modules:
        raise DownlinkError("glymur was imported before Downlink could point it at OpenJPEG.")
    spec = find_spec("rasterio")
    assert spec is not None
    assert spec.origin is not None
    libraries = Path(spec.origin).parents[1] / "rasterio.libs"
    found = sorted(libraries.glob("libopenjp2-*.so*"))
    if not found:
        raise DownlinkError(
            f"{libraries}: no OpenJPEG library here. Install rasterio from its wheel "
            "(`make` does), not from a distribution's package."
        )
    before = os.environ.get("XDG_CONFIG_HOME")
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "glymur", "glymurrc")
        settings.parent.mkdir()
        settings.write_text(f"[library]\nopenjp2: {found[0]}\n")
        os.environ["XDG_CONFIG_HOME"] = folder
        try:
            import glymur
        finally:
            if before is None:
                del os.environ["XDG_CONFIG_HOME"]
            else:
                os.environ["XDG_CONFIG_HOME"] = before
    module: ModuleType = glymur
    return module


def compress(image: NDArray[np.uint16], budget: int) -> bytes:
    """A raw codestream (.j2k) of about `budget` bytes.

    OpenJPEG misses what it is asked for by some percent on small images, so it is asked again for
    as much more or less. The largest codestream that fits is taken, or the smallest there is.

    Args:
        image: uint16 [band, y, x].
        budget: bytes.
    """
    asked, tried = float(budget), [_codestream(image, budget)]
    while abs(len(tried[-1]) - budget) > _CLOSE * budget and len(tried) < _TRIES:
        asked = max(asked * budget / len(tried[-1]), 1.0)
        tried.append(_codestream(image, asked))
    fitting = [payload for payload in tried if len(payload) <= (1 + _CLOSE) * budget]
    return max(fitting, key=len) if fitting else min(tried, key=len)


def _codestream(image: NDArray[np.uint16], asked: float) -> bytes:
    glymur = _glymur()
    raw = image.size * _CONTAINER_BYTES_PER_SAMPLE
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder, "image.j2k")
        glymur.Jp2k(
            file,
            data=np.ascontiguousarray(image.transpose(1, 2, 0)),
            cratios=[max(raw / asked, 1.0)],
            irreversible=True,
            mct=False,
            numres=_resolutions(image.shape[1:]),
        )
        return file.read_bytes()


def _resolutions(shape: tuple[int, ...]) -> int:
    """As many as the smaller side bears, at most OpenJPEG's usual 6."""
    return int(min(6, max(1, np.floor(np.log2(min(shape))) + 1)))


def decompress(payload: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint16]:
    """The image uint16 [band, y, x] of a raw codestream.

    Raises:
        BitstreamError: damaged bytes, or an image of another shape.
    """
    if _declared_shape(payload) != shape:
        raise BitstreamError(f"JPEG 2000: the codestream does not hold an image of shape {shape}.")
    glymur = _glymur()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder, "image.j2k")
        file.write_bytes(payload)
        try:
            image = np.asarray(glymur.Jp2k(file)[:])
        except Exception as error:
            raise BitstreamError(f"JPEG 2000: the codestream is damaged ({error}).") from error
    return np.atleast_3d(image).transpose(2, 0, 1).astype(np.uint16)


def _declared_shape(payload: bytes) -> tuple[int, int, int] | None:
    """Bands, height and width in the SIZ marker (ISO/IEC 15444-1, A.5.1), read before decoding."""
    if len(payload) < 42 or payload[:4] != b"\xff\x4f\xff\x51":
        return None
    width, height, left, top = struct.unpack_from(">4I", payload, 8)
    (bands,) = struct.unpack_from(">H", payload, 40)
    return bands, height - top, width - left


def header_length(payload: bytes) -> int:
    """Bytes of the codestream's main header."""
    return max(payload.find(_START_OF_TILE_PART), 0)


@dataclass(frozen=True)
class Jpeg2000Codec(Codec):
    """JPEG 2000 to a target number of bytes."""

    def encode(self, image: NDArray[np.uint16], budget: int | None) -> Encoded:
        """See `Codec.encode`."""
        payload = compress(image, budget)
        return Encoded(payload, at_floor=misses(len(payload), budget))

    def decode(
        self, payload: bytes, side: bytes, shape: tuple[int, int, int]
    ) -> NDArray[np.uint16]:
        """See `Codec.decode`."""
        return as_counts(decompress(payload, shape))

    def payload_header(self, payload: bytes) -> int:
        """See `Codec.payload_header`."""
        return header_length(payload)


def open_codec(config: Jpeg2000, info: TileInfo, weights: Path | None) -> Jpeg2000Codec:
    """See `registry.open_codec`."""
    return Jpeg2000Codec()
