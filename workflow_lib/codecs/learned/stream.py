"""Code latents to bytes and back with constriction, one range coder per image."""

from collections.abc import Sequence
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from workflow_lib.codecs.learned.window import EDGES, Windows
from workflow_lib.errors import BitstreamError

_BUCKETS = constriction.stream.model.Categorical(perfect=False)
_EVEN = constriction.stream.model.Uniform()
_LOWEST, _HIGHEST = 0, len(EDGES)
_FIRST = np.array([EDGES[0] - 1, *EDGES], np.int64)
"""First value of each bucket, but the last value of the lowest bucket, which is open."""
_EXTRA = np.array([0, *np.log2(np.diff(EDGES)).astype(int), 0], np.int64)
"""log₂ of the number of values in each bucket; 0 for open buckets, coded as a distance."""
_LENGTHS = 24
"""Number of possible lengths, in bits, of a distance from the window; all are equally likely."""


class _Split:
    """Latents, split into bucket, place within the bucket, and distance from the window.

    Attributes:
        bucket: number of the bucket, 0 to 16.
        width: number of bits of the place.
        place: place within the bucket, 0 ≤ place < 2^width.
        beyond: distance from the window, less one; −1 inside the window.
    """

    def __init__(self, values: NDArray[np.int64], windows: Windows) -> None:
        shift = windows.shift.astype(np.int64)
        offset = values - windows.origin
        above = offset >> shift
        self.bucket = np.searchsorted(EDGES, above, side="right").astype(np.int32)
        lowest, highest = self.bucket == _LOWEST, self.bucket == _HIGHEST
        self.width = np.where(lowest | highest, 0, shift + _EXTRA[self.bucket])
        first = _FIRST[self.bucket] << shift
        self.place = np.where(lowest | highest, 0, offset - first)
        below_all = (EDGES[0] << shift) - 1 - offset
        self.beyond = np.where(lowest, below_all, np.where(highest, offset - first, -1))


def bits(values: NDArray[np.int64], windows: Windows) -> float:
    """Compute the cross-entropy of latents under the model that codes them, in bits."""
    split = _Split(values.ravel(), windows)
    frequencies = windows.frequencies
    # constriction gives every bucket at least this probability
    chances = np.maximum(frequencies / frequencies.sum(1, keepdims=True), 2.0**-24)
    of_buckets = -np.log2(np.take_along_axis(chances, split.bucket[:, None].astype(np.int64), 1))
    lengths = _length(split.beyond[split.beyond >= 0])
    of_distances = np.log2(_LENGTHS) * len(lengths) + lengths.sum()
    return float(of_buckets.sum() + split.width.sum() + of_distances)


def _length(distance: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the binary digits of distance + 1, less one."""
    return np.asarray(np.frexp((distance + 1).astype(np.float64))[1] - 1, dtype=np.int64)


class Writer:
    """Encoder of several images with equal numbers of latents, one stream each."""

    def __init__(self, images: int) -> None:
        self._coders = [constriction.stream.queue.RangeEncoder() for _ in range(images)]

    def write(self, values: NDArray[np.int64], windows: Windows) -> None:
        """Append latents [image, n] with windows [image · n]."""
        images, count = values.shape
        split = _Split(values.ravel(), windows)
        placed = _by_image(split.width > 0, images)
        escaped = _by_image(split.beyond >= 0, images)
        for image, coder in enumerate(self._coders):
            own = slice(image * count, (image + 1) * count)
            coder.encode(split.bucket[own], _BUCKETS, windows.frequencies[own])
            _encode_even(coder, split.place[placed[image]], split.width[placed[image]])
            beyond = split.beyond[escaped[image]]
            length = _length(beyond)
            if len(beyond):
                coder.encode(
                    length.astype(np.int32), _EVEN, np.full(len(beyond), _LENGTHS, np.int32)
                )
                _encode_even(coder, beyond + 1 - (1 << length), length)

    def streams(self) -> list[bytes]:
        """Return the finished streams."""
        return [coder.get_compressed().astype("<u4").tobytes() for coder in self._coders]


def _by_image(chosen: NDArray[np.bool_], images: int) -> list[NDArray[np.int64]]:
    """List the indices of the chosen latents, image by image."""
    where = np.flatnonzero(chosen)
    count = len(chosen) // images
    return np.split(where, np.searchsorted(where, np.arange(1, images) * count))


def _encode_even(coder: Any, values: NDArray[np.int64], widths: NDArray[np.int64]) -> None:
    wide = widths > 0
    if wide.any():
        sizes = (1 << widths[wide]).astype(np.int32)
        coder.encode(values[wide].astype(np.int32), _EVEN, sizes)


def _decode_even(coder: Any, widths: NDArray[np.int64]) -> NDArray[np.int64]:
    values = np.zeros(len(widths), np.int64)
    wide = widths > 0
    if wide.any():
        sizes = (1 << widths[wide]).astype(np.int32)
        values[wide] = coder.decode(_EVEN, sizes)
    return values


class Reader:
    """Decoder of the streams that `Writer` wrote.

    Raises:
        BitstreamError: the bytes are damaged; every method may raise it.
    """

    def __init__(self, streams: Sequence[bytes]) -> None:
        if any(len(stream) % 4 or not stream for stream in streams):
            raise BitstreamError("learned codec: the bitstream is truncated.")
        self._coders = [
            constriction.stream.queue.RangeDecoder(np.frombuffer(stream, "<u4").astype(np.uint32))
            for stream in streams
        ]

    def read(self, windows: Windows) -> NDArray[np.int64]:
        """Decode the next latents, [image, n], with windows [image · n]."""
        images = len(self._coders)
        count = len(windows.shift) // images
        try:
            parts = [
                self._read_one(coder, windows, slice(image * count, (image + 1) * count))
                for image, coder in enumerate(self._coders)
            ]
        except AssertionError as error:  # the range decoder's error for invalid bytes
            raise BitstreamError("learned codec: the bitstream is damaged.") from error
        return np.stack(parts)

    def _read_one(self, coder: Any, windows: Windows, own: slice) -> NDArray[np.int64]:
        bucket = coder.decode(_BUCKETS, windows.frequencies[own])
        shift = windows.shift[own].astype(np.int64)
        lowest, highest = bucket == _LOWEST, bucket == _HIGHEST
        width = np.where(lowest | highest, 0, shift + _EXTRA[bucket])
        offset = (_FIRST[bucket] << shift) + _decode_even(coder, width)
        escaped = np.flatnonzero(lowest | highest)
        if len(escaped):
            sizes = np.full(len(escaped), _LENGTHS, np.int32)
            length = coder.decode(_EVEN, sizes).astype(np.int64)
            beyond = _decode_even(coder, length) + (1 << length) - 1
            below = (EDGES[0] << shift[escaped]) - 1 - beyond
            offset[escaped] = np.where(lowest[escaped], below, offset[escaped] + beyond)
        return np.asarray(offset + windows.origin[own])

    def finish(self) -> None:
        """Check that no data are left in the streams."""
        if not all(coder.maybe_exhausted() for coder in self._coders):
            raise BitstreamError("learned codec: the bitstream is damaged.")
