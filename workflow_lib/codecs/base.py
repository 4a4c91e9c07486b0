"""The interface of every codec."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from workflow_lib.errors import BitstreamError, DownlinkError

if TYPE_CHECKING:  # every parse of a study imports the modules of its codecs, and so this one
    import numpy as np
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

TOLERANCE = 0.01
"""Share of a byte budget by which a codec may miss the budget and still meet it."""


@dataclass(frozen=True)
class Encoded:
    """One coding unit as a bitstream.

    Attributes:
        payload: the coded image.
        side: side information that varies by unit, e.g. a KLT's matrix.
        at_floor: whether this is the smallest bitstream that the codec can make, and still more
            than the budget.
    """

    payload: bytes
    side: bytes = b""
    at_floor: bool = False

    @classmethod
    def near(cls, budget: int | None, payload: bytes, side: bytes = b"") -> Self:
        """Wrap a bitstream and report how it misses its budget.

        More than 1 % above the budget sets `at_floor`. More than 1 % below logs a warning: the
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


def refuse_side(side: bytes) -> None:
    """Refuse side information, for codecs that write none: it belongs to another codec's payload.

    Raises:
        BitstreamError: there is some.
    """
    if side:
        raise BitstreamError("This codec writes no side information, but the bitstream holds some.")


@dataclass(frozen=True)
class CodedBytes:
    """Bytes on disk of coded tiles.

    Attributes:
        payload: coded samples.
        header: containers and codestream headers.
        side: other bytes that vary with the scene, e.g. a KLT's matrix.
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
    """A codec at one rate point. It codes images of any height and width.

    Attributes:
        training_tiles: tiles that it was trained on; 0 for a codec that is not trained.
    """

    training_tiles: int = 0

    @abstractmethod
    def encode(self, image: NDArray[np.uint16], budget: int | None) -> Encoded:
        """Encode an image of counts, uint16 [band, y, x].

        Args:
            image: without nodata; see `mosaic.fill`.
            budget: bytes that payload and side information may take together; None for lossless.
                A codec that is controlled by λ ignores it.

        Returns:
            A bitstream within 1 % of the budget. Otherwise the largest one below, with a warning
            in the log, or the smallest one there is, with `at_floor` set.

        Raises:
            DownlinkError: `budget` is None and the codec is not lossless.
        """

    @abstractmethod
    def decode(
        self, payload: bytes, side: bytes, shape: tuple[int, int, int]
    ) -> NDArray[np.uint16]:
        """Decode an image, uint16 [band, y, x]; no count is nodata.

        Nobody vouches for the bytes. The decoder allocates memory for `shape`, and for bytes that
        are there, but nothing for sizes that the bytes merely claim.

        Args:
            payload, side: what `encode` returned, or any other bytes.
            shape: the expected shape; a bitstream of another shape is damaged.

        Raises:
            BitstreamError: the bytes are not a bitstream of such an image.
        """

    @abstractmethod
    def payload_header(self, payload: bytes) -> int:
        """Return how many bytes of `payload` are headers rather than coded samples."""

    @property
    def model_digest(self) -> bytes:
        """8 bytes that identify the weights; zeros for a codec without weights."""
        return bytes(8)

    def encode_batch(
        self, images: Sequence[NDArray[np.uint16]], budgets: Sequence[int | None]
    ) -> list[Encoded]:
        """Encode many images; codecs that gain from batches override this loop."""
        return [self.encode(image, b) for image, b in zip(images, budgets, strict=True)]

    def decode_batch(
        self, coded: Sequence[tuple[bytes, bytes]], shapes: Sequence[tuple[int, int, int]]
    ) -> list[NDArray[np.uint16]]:
        """Decode many pairs of payload and side information."""
        return [
            self.decode(payload, side, shape)
            for (payload, side), shape in zip(coded, shapes, strict=True)
        ]


def never_lossless(kind: str) -> DownlinkError:
    """Return the error of a codec that is asked for lossless coding and cannot do it."""
    return DownlinkError(f"{kind} cannot code losslessly. Use a rate.")


def as_counts(values: NDArray[np.floating] | NDArray[np.integer]) -> NDArray[np.uint16]:
    """Round to valid counts 1..65535, so that no decoded pixel is nodata; NaN becomes 1."""
    import numpy as np

    whole = np.issubdtype(values.dtype, np.integer)
    return np.asarray(np.fmax(np.fmin(values if whole else np.rint(values), 65535), 1), np.uint16)
