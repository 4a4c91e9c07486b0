"""OpenJPEG through glymur: raw codestreams of images of 16 bits, without component transform."""

import os
import sys
import tempfile
import warnings
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from workflow_lib.codecs import codestream
from workflow_lib.codecs.codestream import Style
from workflow_lib.errors import BitstreamError, DownlinkError

_CONTAINER_BYTES_PER_SAMPLE = 2
_VERTICALLY_CAUSAL = 8


@cache
def _glymur() -> ModuleType:
    """Glymur bound to the OpenJPEG that rasterio's wheel carries; glymur itself ships none."""
    if "glymur" in sys.modules:
        raise DownlinkError(
            "glymur was imported too early. Import it after the first use of JPEG 2000."
        )
    spec = find_spec("rasterio")
    assert spec is not None
    assert spec.origin is not None
    libraries = Path(spec.origin).parents[1] / "rasterio.libs"
    found = sorted(libraries.glob("libopenjp2-*.so*"))
    if not found:
        raise DownlinkError(
            f"{libraries}: this folder has no OpenJPEG library. Install rasterio from its wheel, "
            "as `make` does, not from a package of the distribution."
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


def encode(image: NDArray[np.uint16], style: Style, size: float | None) -> bytes:
    """A raw codestream (.j2k).

    Args:
        image: uint16 [band, y, x].
        style: how it is coded.
        size: bytes of the codestream's main header and packets, which OpenJPEG exceeds only where
            it cannot go so low; None for all that the style keeps.
    """
    raw = image.size * _CONTAINER_BYTES_PER_SAMPLE
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder, "image.j2k")
        _glymur().Jp2k(
            file,
            data=np.ascontiguousarray(image.transpose(1, 2, 0)),
            cratios=[1.0 if size is None else max(raw / max(size, 1.0), 1.0)],
            irreversible=not style.reversible,
            mct=False,
            numres=style.levels + 1,
            cbsize=style.block,
            modesw=_VERTICALLY_CAUSAL if style.causal else 0,
        )
        return codestream.without_comment(file.read_bytes())


def decode(payload: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint16]:
    """The image uint16 [band, y, x] of a raw codestream; OpenJPEG sees only what looks like ours.

    Raises:
        BitstreamError: damaged bytes, or an image of another shape.
    """
    codestream.check(payload, shape)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(folder, "image.j2k")
        file.write_bytes(payload)
        try:
            image = np.atleast_3d(np.asarray(_glymur().Jp2k(file)[:])).transpose(2, 0, 1)
        except Exception as error:
            raise BitstreamError(f"JPEG 2000: the codestream is damaged ({error}).") from error
    if image.shape != shape:
        raise BitstreamError(f"JPEG 2000: the codestream contains no image of shape {shape}.")
    return np.ascontiguousarray(image, np.uint16)
