"""Options that every codec has; a codec's own are in its module in `workflow_lib.codecs.kinds`."""

from typing import ClassVar, Literal, Self

from workflow_lib.config.section import Section

BIT_DEPTH = 16
"""Bits of a stored count; no target rate is higher."""


class CodecOptions(Section):
    """Options of a codec, and what the codec can do.

    A codec subclasses this in its own module and narrows `kind` to `Literal["its-kind"]`.

    Attributes:
        lossless: whether the codec offers the rate point `lossless`.
        learned: whether the codec needs weights that a training makes.
        control: what its other rate points are: `bpppb` for target rates in bits per pixel per
            band, `lambda` for values of λ from which the rate follows.
    """

    lossless: ClassVar[bool] = False
    learned: ClassVar[bool] = False
    control: ClassVar[Literal["bpppb", "lambda"]] = "bpppb"

    kind: str
    """Kind of the codec."""
    unit: Literal["fold", "tile", "scene"] = "fold"
    """What is coded as one image: the blocks of a fold (one mosaic), each tile, or the scene."""

    def as_fitted(self) -> Self:
        """Return the options that a training depends on: the coding unit is not one of them."""
        return self.model_copy(update={"unit": "fold"})

    def check_rate(self, rate: float, tile: int, bands: int) -> None:
        """Check a positive rate point of a dataset.

        Args:
            rate: bpppb or λ.
            tile: side of the dataset's tiles in pixels.
            bands: number of bands.

        Raises:
            ValueError: the codec cannot serve this rate point; says why.
        """
        if self.control == "bpppb" and rate > BIT_DEPTH:
            raise ValueError(f"{rate} bpppb is above the bit depth of the data ({BIT_DEPTH})")
