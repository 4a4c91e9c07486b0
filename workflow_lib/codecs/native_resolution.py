"""The codec `jpeg2000-native`: bands by resolution, one JPEG 2000 codestream per resolution."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workflow_lib.codecs.base import Codec, Encoded, as_counts, never_lossless, refuse_side
from workflow_lib.codecs.codestream import header_length
from workflow_lib.codecs.framing import index_length, pack, unpack
from workflow_lib.codecs.jpeg2000_rate import compress, compress_roughly, decompress
from workflow_lib.codecs.resampling import coarsen, native_side, refine

_SHARES = (0.05, 0.15, 0.3, 0.5, 0.75)
"""Of the budget, at which each group is coded to learn what it makes of bytes."""
_CHUNKS = 400
"""In which the budget is shared out."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Bands of one resolution.

    Attributes:
        bands: their indices.
        factor: their native pixel's side in pixels of the common grid.
    """

    bands: tuple[int, ...]
    factor: int

    def native(self, image: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """These bands of an image on their own grid, as counts."""
        own = image[list(self.bands)]
        return own if self.factor == 1 else as_counts(coarsen(own, self.factor))

    def restored(self, native: NDArray[np.uint16], shape: tuple[int, ...]) -> NDArray[np.uint16]:
        """Native samples on the common grid of this height and width, as counts."""
        if self.factor == 1:
            return native
        return as_counts(refine(native.astype(np.float64), shape, self.factor))

    def decoded(self, stream: bytes, shape: tuple[int, ...]) -> NDArray[np.uint16]:
        """The group's bands on the common grid, from their codestream."""
        rows, cols = (native_side(side, self.factor) for side in shape[1:])
        return self.restored(decompress(stream, (len(self.bands), rows, cols)), shape[1:])


def groups_of(native_fraction: Sequence[float]) -> tuple[Group, ...]:
    """Bands by whole factor of resolution, the finest first; none is made coarser than it was."""
    factors = [int(fraction**-0.5 + 1e-6) for fraction in native_fraction]
    return tuple(
        Group(tuple(i for i, own in enumerate(factors) if own == factor), factor)
        for factor in sorted(set(factors))
    )


@dataclass(frozen=True)
class Jpeg2000NativeCodec(Codec):
    """One codestream per resolution; where there is one resolution, the same as `jpeg2000`.

    Attributes:
        groups: the bands by resolution.
    """

    groups: tuple[Group, ...]

    def encode(self, image: NDArray[np.uint16], budget: int | None) -> Encoded:
        """See `Codec.encode`; never lossless, because resampling is not reversible."""
        if budget is None:
            raise never_lossless("jpeg2000-native")
        native = [group.native(image) for group in self.groups]
        budgets = [budget] if len(native) == 1 else self._split(image, native, budget)
        return Encoded.near(budget, pack(_coded(native, budgets)))

    def _split(
        self, image: NDArray[np.uint16], native: list[NDArray[np.uint16]], budget: int
    ) -> list[int]:
        """Bytes of each group, for the least squared error on the common grid."""
        room = budget - index_length(len(native))
        curves = [
            _curve(group, image, part, room)
            for group, part in zip(self.groups, native, strict=True)
        ]
        return share_out(curves, room)

    def decode(
        self, payload: bytes, side: bytes, shape: tuple[int, int, int]
    ) -> NDArray[np.uint16]:
        """See `Codec.decode`."""
        refuse_side(side)
        image = np.empty(shape, np.uint16)
        streams = unpack(payload, len(self.groups))
        for group, stream in zip(self.groups, streams, strict=True):
            image[list(group.bands)] = group.decoded(stream, shape)
        return image

    def payload_header(self, payload: bytes) -> int:
        """See `Codec.payload_header`: the index and every codestream's main header."""
        streams = unpack(payload, len(self.groups))
        return index_length(len(streams)) + sum(map(header_length, streams))


def _coded(native: list[NDArray[np.uint16]], budgets: list[int]) -> list[bytes]:
    """The groups' codestreams; what one misses its budget by is left to the next larger one."""
    streams, left = [b""] * len(native), 0
    for place in np.argsort(budgets, kind="stable").tolist():
        left += budgets[place]
        streams[place] = compress(native[place], max(left, 1))
        left -= len(streams[place])
    return streams


def _curve(
    group: Group, image: NDArray[np.uint16], native: NDArray[np.uint16], room: int
) -> tuple[Floats, Floats]:
    """Bytes of the group at some shares of the room, rising, and the squared error at each."""
    own = image[list(group.bands)].astype(np.float64)
    error = {}
    for share in _SHARES:
        stream = compress_roughly(native, int(share * room))
        error[len(stream)] = float(np.sum((group.decoded(stream, image.shape) - own) ** 2))
    sizes = sorted(error)
    return np.array(sizes, np.float64), np.array([error[size] for size in sizes])


def share_out(curves: Sequence[tuple[Floats, Floats]], room: int) -> list[int]:
    """Bytes of each group, chunk by chunk to the one whose error falls most by it.

    That is the least total error where errors fall ever more slowly (equal slopes). Between the
    points of a curve the logarithm of the error is linear; beyond them nothing is gained.

    Args:
        curves: bytes, rising, and squared error of each group.
        room: bytes to share out; each group gets its smallest number first.
    """
    given = [float(sizes[0]) for sizes, _ in curves]
    chunk = (room - sum(given)) / _CHUNKS
    if chunk <= 0:
        return [int(own) for own in given]
    for _ in range(_CHUNKS):
        gains = [
            _error_at(curve, own) - _error_at(curve, own + chunk)
            for curve, own in zip(curves, given, strict=True)
        ]
        given[int(np.argmax(gains))] += chunk
    return [int(own) for own in given]


def _error_at(curve: tuple[Floats, Floats], size: float) -> float:
    sizes, errors = curve
    return float(np.exp(np.interp(size, sizes, np.log(errors + 1))))
