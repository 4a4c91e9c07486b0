"""What every codec offers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Encoded:
    """One coding unit as a bitstream.

    Attributes:
        payload: the coded image.
        side: what varies per unit and the decoder needs besides, e.g. a KLT's matrix.
        at_floor: the codec could not go as low as asked; this is the lowest it can.
    """

    payload: bytes
    side: bytes = b""
    at_floor: bool = False


@dataclass(frozen=True)
class CodedBytes:
    """What coded tiles cost on disk.

    Attributes:
        payload: coded samples.
        header: containers and codestream headers.
        side: whatever else varies with the scene, e.g. a KLT's matrix.
    """

    payload: int
    header: int
    side: int

    @property
    def total(self) -> int:
        """All bytes that must be sent."""
        return self.payload + self.header + self.side

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.payload + other.payload, self.header + other.header, self.side + other.side
        )


class Codec(ABC):
    """A codec at one rate point, for images of any size and of its band number."""

    @abstractmethod
    def encode(self, image: NDArray[np.uint16], budget: int | None) -> Encoded:
        """Code an image of counts, uint16 [band, y, x].

        Args:
            image: without nodata; see `mosaic.fill`.
            budget: bytes that payload and side information may take together; None asks for no
                loss. A learned codec, whose rate follows from its λ, takes what it needs.
        """

    @abstractmethod
    def decode(
        self, payload: bytes, side: bytes, shape: tuple[int, int, int]
    ) -> NDArray[np.uint16]:
        """The image, uint16 [band, y, x] of `shape`, in which no count is nodata.

        Raises:
            BitstreamError: the bytes are no such image.
        """

    @abstractmethod
    def payload_header(self, payload: bytes) -> int:
        """Bytes at the start of `payload` that say how to decode rather than what."""

    @property
    def model_digest(self) -> bytes:
        """8 bytes that stand for the weights; zeros where there are none."""
        return bytes(8)

    def encode_batch(
        self, images: Sequence[NDArray[np.uint16]], budgets: Sequence[int | None]
    ) -> list[Encoded]:
        """`encode` for many images; codecs that gain from batches do better than this loop."""
        return [self.encode(image, b) for image, b in zip(images, budgets, strict=True)]

    def decode_batch(
        self, coded: Sequence[tuple[bytes, bytes]], shapes: Sequence[tuple[int, int, int]]
    ) -> list[NDArray[np.uint16]]:
        """`decode` for many pairs of payload and side information."""
        return [
            self.decode(payload, side, shape)
            for (payload, side), shape in zip(coded, shapes, strict=True)
        ]


def misses(spent: int, budget: int) -> bool:
    """Whether a codec that can be told its rate has spent noticeably more than it may."""
    return spent > 1.02 * budget


def as_counts(values: NDArray[np.floating] | NDArray[np.integer]) -> NDArray[np.uint16]:
    """Rounded to valid counts 1..65535: no decoded pixel may turn into nodata, NaN neither."""
    return np.asarray(np.fmax(np.fmin(np.rint(values), 65535), 1), dtype=np.uint16)
