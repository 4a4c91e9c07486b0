"""The public API behind `import workflow_lib as downlink`: open a codec, encode, decode."""

import math
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from workflow_lib import torchinit
from workflow_lib.codecs import registry
from workflow_lib.codecs.base import Codec
from workflow_lib.codecs.framing import index_length, pack, unpack
from workflow_lib.codecs.mosaic import fill
from workflow_lib.config.codecs import BIT_DEPTH
from workflow_lib.data.info import TileInfo
from workflow_lib.data.pixel_values import NODATA
from workflow_lib.devices import Device
from workflow_lib.errors import BitstreamError, DownlinkError

Image = NDArray[np.uint16]
Shape = tuple[int, int, int]

_PARTS = 3


@dataclass(frozen=True)
class CodedImage:
    """An image as a bitstream.

    Attributes:
        bytes: everything that a decoder needs but the codec and the shape: side information (such
            as a KLT's matrix), the coded counts, and the mask of missing pixels if there are any.
        shape: (bands, height, width) of the image.
        valid_pixels: pixels that are not missing.
        at_floor: whether this is the smallest bitstream that the codec can make, and still larger
            than the rate that you asked for.
    """

    bytes: bytes
    shape: Shape
    valid_pixels: int
    at_floor: bool = False

    @property
    def bpppb(self) -> float:
        """Rate in bits per valid pixel per band; all of `bytes` counts."""
        return 8 * len(self.bytes) / (self.valid_pixels * self.shape[0])


@dataclass(frozen=True)
class ImageCodec:
    """A codec for images of any height and width; `open_codec` and `load_codec` make one.

    Attributes:
        kind: kind of the codec.
        bands: bands that an image must have; None accepts any number.
        lossless: whether the codec offers `lossless=True`.
        metadata: of a learned codec, the architecture and training facts that its file of weights
            holds, e.g. `metadata["lambda"]`; empty for other codecs.
    """

    kind: str
    bands: int | None
    lossless: bool
    metadata: dict[str, str]
    _open: Callable[[int], Codec]
    _session: Callable[[], AbstractContextManager[None]] = nullcontext

    def encode(
        self, image: Image, bpppb: float | None = None, *, lossless: bool = False
    ) -> CodedImage:
        """Encode an image of counts.

        A pixel that is 0 in any band is missing. Missing pixels take their nearest valid neighbour
        before coding, and are 0 in every band after decoding. Lossless coding keeps all others.

        Args:
            image: uint16 [band, y, x].
            bpppb: target rate in bits per valid pixel per band, above 0 and at most 16. Only for
                codecs that are not learned: the rate of a learned codec follows from its λ.
            lossless: use lossless coding instead of a target rate.

        Returns:
            A bitstream within 1 % of the target rate. If the codec cannot go so low, `at_floor`
            is set. If it cannot come so near, the bitstream is smaller and a warning is logged.

        Raises:
            DownlinkError: the codec cannot serve this image or this rate; says why.
        """
        self._require_image(image)
        self._require_rate(bpppb, lossless)
        missing = (image == NODATA).any(axis=0)
        valid = int((~missing).sum())
        if not valid:
            raise DownlinkError("The image has no valid pixel: each pixel is 0 in some band.")
        mask = zlib.compress(np.packbits(missing).tobytes(), 9) if missing.any() else b""
        budget = None
        if bpppb is not None:
            room = int(bpppb * valid * len(image) / 8) - len(mask) - index_length(_PARTS)
            budget = max(room, 1)
        with self._session():
            coded = self._open(len(image)).encode(fill(image), budget)
        data = pack([coded.side, mask, coded.payload])
        bands, height, width = image.shape
        return CodedImage(data, (bands, height, width), valid, coded.at_floor)

    def decode(self, coded: CodedImage | bytes, shape: Shape | None = None) -> Image:
        """Decode an image.

        Args:
            coded: what `encode` returned, or its `bytes`.
            shape: (bands, height, width) of the image, needed with `bytes`.

        Returns:
            Counts, uint16 [band, y, x]: 0 where the image was missing, 1 to 65535 elsewhere.

        Raises:
            BitstreamError: the bytes are no image of this codec and shape. There is no checksum:
                damage that still decodes gives other counts.
            DownlinkError: `shape` is missing.
        """
        if isinstance(coded, CodedImage):
            data, shape = coded.bytes, coded.shape
        else:
            data = coded
        if shape is None:
            raise DownlinkError("To decode bytes, pass shape=(bands, height, width).")
        if len(shape) != 3 or not all(isinstance(n, int | np.integer) and n > 0 for n in shape):
            raise DownlinkError(f"shape={shape}: pass three positive integers.")
        self._require_bands(shape[0])
        side, mask, payload = unpack(data, _PARTS)
        with self._session():
            image = self._open(shape[0]).decode(payload, side, shape)
        if mask:
            image[:, _unpacked(mask, shape[1:])] = NODATA
        return image

    def _require_image(self, image: Image) -> None:
        kind, shape = getattr(image, "dtype", None), tuple(getattr(image, "shape", ()))
        if kind != np.uint16 or len(shape) != 3 or 0 in shape:
            raise DownlinkError(
                f"An image is a uint16 array [band, y, x], not {kind or type(image).__name__} "
                f"of shape {shape}. Scale and round your values to counts from 1 to 65535."
            )
        self._require_bands(shape[0])

    def _require_bands(self, bands: int) -> None:
        if self.bands is not None and bands != self.bands:
            raise DownlinkError(f"This {self.kind} codec takes {self.bands} bands, not {bands}.")

    def _require_rate(self, bpppb: float | None, lossless: bool) -> None:
        if self.metadata:
            if bpppb is not None or lossless:
                raise DownlinkError(
                    f"{self.kind} is a learned codec: its rate follows from λ = "
                    f"{self.metadata.get('lambda', 'unknown')}. Call encode(image), or load the "
                    "weights of another λ."
                )
            return
        if (bpppb is None) != lossless:
            raise DownlinkError("Pass either a rate, such as bpppb=0.1, or lossless=True.")
        number = isinstance(bpppb, int | float | np.number) and not isinstance(bpppb, bool)
        if bpppb is not None and not (number and 0 < bpppb <= BIT_DEPTH):
            raise DownlinkError(f"bpppb={bpppb!r}: pass a number above 0 and at most {BIT_DEPTH}.")
        if lossless and not self.lossless:
            able = [kind for kind in registry.kinds() if registry.options_of(kind).lossless]
            raise DownlinkError(
                f"{self.kind} has no lossless mode. Pass a rate, such as bpppb=1, or use one "
                f"of {', '.join(able)}."
            )


def open_codec(
    kind: str,
    *,
    bands: int | None = None,
    native_fraction: Sequence[float] | None = None,
    **options: Any,
) -> ImageCodec:
    """Open a codec that needs no weights, by its kind.

    Args:
        kind: e.g. "klt-jpeg2000"; an unknown one raises an error that lists all kinds.
        bands: bands that the images have; None accepts any number.
        native_fraction: of each band, native samples per pixel of the grid, e.g. 0.25 for a 20 m
            band on a 10 m grid; for `jpeg2000-native`. None: every band is native to the grid.
        options: the codec's own options, e.g. `effort=7` for `jpegxl`.

    Raises:
        DownlinkError: no such codec or option, or the codec is learned.
    """
    if kind not in registry.kinds():
        raise DownlinkError(
            f"There is no codec {kind!r}. Use one of {', '.join(registry.kinds())}."
        )
    if registry.options_of(kind).learned:
        raise DownlinkError(
            f"{kind} is a learned codec. Open its file of weights: load_codec(path)."
        )
    if "unit" in options:
        raise DownlinkError("unit: only studies have this option. Remove it.")
    try:
        section = registry.parse_options({"kind": kind, **options})
    except ValidationError as error:
        reasons = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise DownlinkError(f"{kind}: {'; '.join(reasons)}") from None
    if bands is not None and not (isinstance(bands, int) and bands >= 1):
        raise DownlinkError(f"bands={bands!r}: pass a whole number, at least 1.")
    if native_fraction is not None:
        bands = _agreed(bands, native_fraction)

    def opened(count: int) -> Codec:
        return registry.open_codec(section, _info(native_fraction or [1.0] * count), None)

    return ImageCodec(kind, bands, section.lossless, {}, opened)


def load_codec(
    weights: Path | str, *, device: Device = "auto", threads: int | None = None
) -> ImageCodec:
    """Open a learned codec from its file of weights alone.

    The file holds the architecture, λ and where the training data come from; see
    `ImageCodec.metadata`. The codec runs torch deterministically and restores torch's settings
    after each call.

    Args:
        weights: a safetensors file that a study trained.
        device: "cpu", "cuda", or "auto" for a GPU where torch sees one.
        threads: threads of one torch operation; None takes torch's present number.

    Raises:
        DownlinkError: the file is missing, damaged or holds something else; torch is missing; or
            CUDA is asked for and torch sees no GPU.
    """
    if find_spec("torch") is None:
        raise DownlinkError(
            "A learned codec needs torch: pip install '.[learned]' in the project's folder."
        )
    path = Path(weights)

    def session() -> AbstractContextManager[None]:
        return torchinit.determinism(threads)

    with session():
        from workflow_lib.codecs.learned.codec import LearnedCodec
        from workflow_lib.training.weights import load_weights

        codec = LearnedCodec.load(path).to(torchinit.device(device))
        metadata = load_weights(path)[1]
    sizes = codec.model.sizes
    return ImageCodec(
        sizes.context.value, sizes.bands, False, metadata, lambda bands: codec, session
    )


def _agreed(bands: int | None, native_fraction: Sequence[float]) -> int:
    if not native_fraction or bands not in (None, len(native_fraction)):
        raise DownlinkError(
            f"native_fraction has {len(native_fraction)} values for {bands} bands. Pass one each."
        )
    if not all(0 < fraction <= 1 for fraction in native_fraction):
        raise DownlinkError("native_fraction: each value must be above 0 and at most 1.")
    return len(native_fraction)


def _info(native_fraction: Sequence[float]) -> TileInfo:
    """Return what a codec is told of the images; only the number and size of bands matter to it."""
    count = len(native_fraction)
    return TileInfo(
        dataset="image",
        bands=tuple(f"band {number}" for number in range(1, count + 1)),
        wavelengths_um=(1.0,) * count,
        native_fraction=tuple(native_fraction),
        scale=1.0,
        offset=0.0,
        unit="count",
        data_range=2.0**BIT_DEPTH - 1,
    )


def _unpacked(mask: bytes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the mask of missing pixels, bool [y, x]; it takes no more memory than its shape."""
    pixels = math.prod(shape)
    size = -(-pixels // 8)
    reader = zlib.decompressobj()
    try:
        packed = reader.decompress(mask, size + 1)
    except zlib.error as error:
        raise BitstreamError(f"The mask of missing pixels is damaged ({error}).") from None
    if len(packed) != size or not reader.eof or reader.unused_data:
        raise BitstreamError(f"The mask of missing pixels does not cover {pixels} pixels.")
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=pixels)
    return bits.reshape(shape).astype(bool)
