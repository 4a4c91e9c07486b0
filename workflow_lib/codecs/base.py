"""What every codec offers."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

_log = logging.getLogger(__name__)

TOLERANCE = 0.01
"""Share of a budget by which a codec that can be told its rate may miss it and still reach it."""


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

    @classmethod
    def near(cls, budget: int | None, payload: bytes, side: bytes = b"") -> Self:
        """What a codec that can be told its rate has come to; a miss is said.

        More than the budget by over 1 % is the codec's floor. Less by over 1 % goes to the log: the
        codec has no coarser step, or nothing left to code.
        """
        spent = len(payload) + len(side)
        if budget is not None and spent < (1 - TOLERANCE) * budget:
            _log.warning(
                f"{100 * (1 - spent / budget):.1f} % below the {budget} bytes asked for: "
                "the codec cannot come nearer."
            )
        at_floor = budget is not None and spent > (1 + TOLERANCE) * budget
        return cls(payload, side, at_floor)


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
    """A codec at one rate point, for images of any size and of its band number.

    Attributes:
        training_tiles: tiles that it was trained on; 0 where nothing is trained.
    """

    training_tiles: int = 0

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
        """Bytes of `payload` that say how to decode rather than what."""

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


def as_counts(values: NDArray[np.floating] | NDArray[np.integer]) -> NDArray[np.uint16]:
    """Rounded to valid counts 1..65535: no decoded pixel may turn into nodata, NaN neither."""
    whole = np.issubdtype(values.dtype, np.integer)
    return np.asarray(np.fmax(np.fmin(values if whole else np.rint(values), 65535), 1), np.uint16)
