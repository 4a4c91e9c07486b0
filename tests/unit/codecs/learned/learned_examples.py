import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from workflow_lib.codecs.learned.model import LearnedModel
from workflow_lib.codecs.learned.prior import Architecture
from workflow_lib.codecs.registry import parse_options
from workflow_lib.config.schedule import TrainingSchedule
from workflow_lib.data.info import TileInfo
from workflow_lib.data.tiles import Tiles
from workflow_lib.torchinit import prepare

prepare(1)


def smooth_counts(count, bands, side, seed=0):
    """Generate counts with structure within and across bands, uint16 [tile, band, y, x]."""
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
        validation=np.array(splits) == "validation",
        split=np.array(splits),
        info=info,
    )


def make_config(kind="dgml", **changes):
    plan = {"steps": 6, "batch": 2, "crop": 64, "learning_rate": 1e-3, "validate_every": 3}
    plan |= {key: changes.pop(key) for key in list(changes) if key in TrainingSchedule.model_fields}
    sizes = {"channels": 8, "latents": 24}
    config = {"kind": kind, "training": TrainingSchedule(**plan), **sizes, **changes}
    return parse_options(config)


def two_band_tiles():
    return make_tiles(smooth_counts(6, 2, 64), ["train"] * 4 + ["validation", "test"])


def random_model(context, components=3, bands=2, channels=8, latents=12):
    """Return a random model whose prior is not flat, for the counts of `smooth_counts`."""
    torch.manual_seed(1)
    model = LearnedModel(Architecture(bands, channels, latents, components, context)).eval()
    model.spread.copy_(torch.linspace(0.3, 40, latents)[:, None, None])
    model.offset.fill_(3000)
    model.gain.fill_(500)
    with torch.no_grad():
        model.analysis.linear.weight.mul_(20)
        for parameter in model.prior.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model
