"""Fixtures that all tests share."""

import numpy as np
import pytest

from workflow_lib.data.info import TileInfo
from workflow_lib.data.tiles import Tiles


@pytest.fixture
def make_tiles():
    """Build seeded tiles of one scene on a square grid, with textured, correlated bands."""

    def make(grid=4, side=16, bands=2, seed=0, split=("train", "validation", "test", "test")):
        rng = np.random.default_rng(seed)
        size = grid * side
        rows, cols = np.mgrid[:size, :size] / size
        base = 3000 + 1500 * np.sin(9 * rows) * np.cos(7 * cols)
        gains = np.linspace(0.6, 1.4, bands)[:, None, None]
        image = gains * base + rng.normal(0, 60, (bands, size, size))
        label = (base > 3600).astype(np.uint8)
        blocked = image.reshape(bands, grid, side, grid, side).transpose(1, 3, 0, 2, 4)
        number = np.arange(grid * grid)
        names = np.array(split)[number % len(split)]
        return Tiles(
            image=np.rint(blocked).astype(np.uint16).reshape(-1, bands, side, side),
            label=label.reshape(grid, side, grid, side).swapaxes(1, 2).reshape(-1, side, side),
            scene=np.full(grid * grid, "scene"),
            row=(number // grid).astype(np.int32),
            col=(number % grid).astype(np.int32),
            block=number.astype(np.int32),
            fold=(names == "test").astype(np.int32),
            validation=names == "validation",
            split=names,
            info=TileInfo(
                dataset="made",
                bands=tuple(f"B{i}" for i in range(bands)),
                wavelengths_um=tuple(0.5 + 0.1 * i for i in range(bands)),
                native_fraction=(1.0,) * bands,
                scale=1e-4,
                offset=0.0,
                unit="1",
                data_range=10000,
            ),
        )

    return make
