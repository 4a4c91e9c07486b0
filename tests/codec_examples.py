"""Examples of every codec in the registry, for tests that run on all codecs."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workflow_lib.codecs.base import Codec
from workflow_lib.codecs.registry import open_codec, options_of, parse_options
from workflow_lib.config.codecs import CodecOptions
from workflow_lib.data.info import TileInfo
from workflow_lib.data.tiles import Tiles

LAMBDA = 0.01
_TINY = {
    "channels": 8,
    "latents": 24,
    "training": {
        "steps": 2,
        "batch": 1,
        "crop": 64,
        "learning_rate": 1e-4,
        "validate_every": 1,
    },
}
"""Options of a learned codec that trains in one second."""


def example_options(kind: str, unit: str = "fold") -> CodecOptions:
    """Return options of a kind: the defaults, with tiny sizes for a learned codec."""
    sizes = _TINY if options_of(kind).learned else {}
    return parse_options({"kind": kind, "unit": unit, **sizes})


def example_tiles(bands: int = 3) -> Tiles:
    """Generate four textured tiles of 128 × 128 pixels with two folds and some nodata."""
    rng = np.random.default_rng(0)
    walks = rng.normal(0, 4, (4, bands, 128, 128)).cumsum(axis=2).cumsum(axis=3)
    image = (3000 + walks + rng.normal(0, 10, walks.shape)).clip(1, 65535).astype(np.uint16)
    image[0, :, :20, :30] = 0
    number = np.arange(4, dtype=np.int32)
    return Tiles(
        image=image,
        label=np.zeros((4, 128, 128), np.uint8),
        scene=np.full(4, "scene"),
        row=number // 2,
        col=number % 2,
        block=number,
        fold=number % 2,
        validation=number == 2,
        split=np.array(["train", "test", "validation", "test"]),
        info=TileInfo(
            dataset="example",
            bands=tuple(f"B{band}" for band in range(bands)),
            wavelengths_um=tuple(0.5 + 0.1 * band for band in range(bands)),
            native_fraction=tuple(0.25 if band % 3 == 2 else 1.0 for band in range(bands)),
            scale=1e-4,
            offset=0.0,
            unit="1",
            data_range=10000,
        ),
    )


@dataclass(frozen=True)
class Example:
    """A codec that another process can open.

    Attributes:
        options: the codec's options.
        bands: number of bands.
        weights: file of a learned codec's weights.
    """

    options: str
    bands: int
    weights: Path | None

    def __call__(self) -> Codec:
        """Open the codec."""
        options = parse_options(json.loads(self.options))
        return open_codec(options, example_tiles(self.bands).info, self.weights)


def example(kind: str, bands: int, folder: Path) -> Example:
    """Return the example of a kind; a learned codec is trained once per number of bands."""
    options, weights = example_options(kind), None
    if options.learned:
        weights = folder / f"{kind}-{bands}.safetensors"
        if not weights.exists():
            _fit(options, bands, weights)
    return Example(options.canonical(), bands, weights)


def _fit(options: CodecOptions, bands: int, weights: Path) -> None:
    from workflow_lib.torchinit import prepare

    prepare(1)
    from workflow_lib.codecs.learned.fit import fit

    run = weights.with_suffix(".run")
    fit(example_tiles(bands), options, LAMBDA, 0, run, weights)
