from importlib.metadata import version

import numpy as np
import pytest
import torch

from workflow_lib.data.info import TileInfo
from workflow_lib.data.tiles import Tiles
from workflow_lib.torchinit import prepare

prepare(1)


def _let_torchvision_import():
    """Declare operators that a torchvision for CUDA lacks beside a CPU build of torch.

    torchmetrics and segmentation-models-pytorch, which tests compare with, import torchvision.
    """
    if torch.version.cuda is not None or version("torchvision").endswith("+cpu"):
        return None
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


_operators = _let_torchvision_import()  # the declarations end with the object's life


@pytest.fixture(scope="session")
def toy_tiles():
    """Build tiles of one scene from counts [tile, band, y, x] and labels [tile, y, x]."""

    def make(image, label=None, split="train", **info):
        image = np.asarray(image, np.uint16)
        count, bands, *size = image.shape
        described = {
            "dataset": "toy",
            "bands": tuple(f"B{n:02}" for n in range(1, bands + 1)),
            "wavelengths_um": (1.0,) * bands,
            "native_fraction": (1.0,) * bands,
            "scale": 0.01,
            "offset": 0.0,
            "unit": "K",
            "data_range": 10000.0,
        }
        tile = np.arange(count, dtype=np.int32)
        return Tiles(
            image=image,
            label=np.zeros((count, *size), np.uint8) if label is None else np.asarray(label),
            scene=np.full(count, "scene"),
            row=tile // 4,
            col=tile % 4,
            block=tile // 2,
            fold=np.zeros(count, np.int32),
            validation=np.broadcast_to(np.asarray(split) == "validation", count).copy(),
            split=np.broadcast_to(np.asarray(split), count).copy(),
            info=TileInfo(**described | info),
        )

    return make
