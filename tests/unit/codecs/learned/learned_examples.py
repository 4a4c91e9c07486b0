import numpy as np
from scipy.ndimage import gaussian_filter

from workflow_lib.config.codecs import Dgml
from workflow_lib.config.training import Training
from workflow_lib.data.tiles import TileInfo, Tiles
from workflow_lib.torchinit import prepare

prepare(1)


def smooth_counts(count, bands, side, seed=0):
    """Fields with structure within and across bands, uint16 [tile, band, y, x]."""
    noise = np.random.default_rng(seed).normal(size=(count, bands, side, side))
    fields = gaussian_filter(noise, (0, 0.7, 3, 3)) * 20 + 0.05 * noise
    return np.clip(3000 + 500 * fields, 1, 65535).astype(np.uint16)


def make_tiles(image, splits):
    count, bands, side, _ = image.shape
    numbers = np.arange(count, dtype=np.int32)
    info = TileInfo(
        dataset="generated",
        bands=tuple(f"B{b}" for b in range(bands)),
        wavelengths_um=(1.0,) * bands,
        native_fraction=(1.0,) * bands,
        scale=1.0,
        offset=0.0,
        unit="",
        data_range=10000.0,
    )
    return Tiles(
        image=image,
        label=np.zeros((count, side, side), np.uint8),
        scene=np.array(["scene"] * count),
        row=numbers,
        col=numbers * 0,
        block=numbers,
        fold=numbers * 0,
        split=np.array(splits),
        info=info,
    )


def make_config(**changes):
    plan = {"steps": 6, "batch": 2, "crop": 64, "learning_rate": 1e-3, "validate_every": 3}
    plan |= {key: changes.pop(key) for key in list(changes) if key in Training.model_fields}
    sizes = {"channels": 8, "latents": 24}
    return Dgml(kind="dgml", training=Training(**plan), **{**sizes, **changes})


def two_band_tiles():
    return make_tiles(smooth_counts(6, 2, 64), ["train"] * 4 + ["validation", "test"])
