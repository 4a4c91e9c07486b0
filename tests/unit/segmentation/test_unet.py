import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from segmentation_models_pytorch import Unet

from workflow_lib.config.segmenters import Segmenter
from workflow_lib.errors import DownlinkError
from workflow_lib.segmentation.predict import predict, probabilities
from workflow_lib.segmentation.unet import UNet
from workflow_lib.segmentation.unet_layers import Network
from workflow_lib.training.weights import load_weights, save_weights

TRAINING = {"steps": 1, "batch": 2, "crop": 16, "learning_rate": 1e-3}
CONFIG = Segmenter(encoder="mobilenet_v2", depth=3, decoder_channels=(16, 8, 8), training=TRAINING)


def counts(rng, tiles=3, bands=2, side=16):
    return rng.integers(100, 5000, (tiles, bands, side, side)).astype(np.uint16)


@pytest.fixture
def model(toy_tiles):
    return UNet.for_tiles(CONFIG, toy_tiles(counts(np.random.default_rng(0))), seed=0).eval()


def test_standardisation_uses_valid_pixels_only(toy_tiles):
    image = counts(np.random.default_rng(0))
    image[:, 1] = 77
    image[0, 0, :5] = 0  # nodata in one band is nodata
    tiles = toy_tiles(image)
    model = UNet.for_tiles(CONFIG, tiles, seed=0)
    pixels = image.swapaxes(0, 1)[:, tiles.valid].astype(float)
    assert model.mean.flatten().numpy() == pytest.approx(pixels.mean(axis=1))
    assert model.std.flatten().numpy() == pytest.approx([pixels[0].std(), 1])


def test_other_bands_of_a_nodata_pixel_are_ignored(model):
    image = counts(np.random.default_rng(1))
    image[:, 0, 3:7, 3:7] = 0
    other = image.copy()
    other[:, 1, 3:7, 3:7] = 40000
    assert np.array_equal(probabilities(model, image), probabilities(model, other))


@pytest.mark.parametrize("side", [16, 33])
@pytest.mark.parametrize("depth", [3, 5])
def test_any_tile_size_gives_a_map_of_that_size(toy_tiles, side, depth):
    config = CONFIG.model_copy(
        update={"depth": depth, "decoder_channels": (8,) * depth, "encoder": "resnet34"}
    )
    image = counts(np.random.default_rng(0), side=side)
    found = probabilities(UNet.for_tiles(config, toy_tiles(image), seed=0).eval(), image)
    assert found.shape == (3, side, side)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("bands", [1, 7])
@pytest.mark.parametrize(
    ("encoder", "depth", "channels"),
    [("mobilenet_v2", 3, (16, 8, 8)), ("resnet34", 4, (32, 16, 8, 8)), ("resnet34", 5, (8,) * 5)],
)
def test_the_network_equals_that_of_segmentation_models_pytorch(encoder, depth, channels, bands):
    torch.manual_seed(0)
    ours = Network(encoder, depth, channels, bands).eval()
    torch.manual_seed(0)
    package = Unet(
        encoder,
        encoder_weights=None,
        encoder_depth=depth,
        decoder_channels=channels,
        in_channels=bands,
        classes=1,
    ).eval()
    weights, expected = ours.state_dict(), package.state_dict()
    assert list(weights) == list(expected)
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    image = torch.rand(2, bands, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours(image), package(image))


def test_a_file_of_weights_is_enough_to_predict(model, tmp_path):
    image = counts(np.random.default_rng(2), tiles=20)
    model.threshold.fill_(0.375)
    model.save(tmp_path / "weights.safetensors")
    found, threshold = predict(tmp_path / "weights.safetensors", image)
    assert threshold == 0.375
    assert np.array_equal(found, probabilities(model, image))


def test_no_tiles_give_no_maps(model):
    assert probabilities(model, np.zeros((0, 2, 16, 16), np.uint16)).shape == (0, 16, 16)


def test_equal_seeds_give_equal_weights(toy_tiles):
    tiles = toy_tiles(counts(np.random.default_rng(0)))
    a, b, c = (UNet.for_tiles(CONFIG, tiles, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)


def test_the_error_names_weights_of_another_network(model, tmp_path):
    path = tmp_path / "other.safetensors"
    tensors = torch.nn.Linear(2, 2).state_dict()
    for metadata in ({}, {"unet": json.dumps(model.shape)}, {"unet": "[]"}, {"unet": "?"}):
        save_weights(tensors, path, metadata)
        with pytest.raises(DownlinkError, match=r"other\.safetensors.*Delete it"):
            predict(path, counts(np.random.default_rng(0)))
    assert load_weights(path)


def test_the_error_for_other_bands_names_the_weights(model, tmp_path):
    path = tmp_path / "weights.safetensors"
    model.save(path)
    with pytest.raises(DownlinkError, match=r"weights\.safetensors.*2 bands.*3"):
        predict(path, counts(np.random.default_rng(0), bands=3))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"depth": 4}, "depth 4 needs as many"),
        ({"training": TRAINING | {"batch": 1}}, "at least 2"),
        ({"encoder": "vgg"}, "mobilenet_v2"),
        ({"decoder_channels": (16, 8, 0)}, "greater than 0"),
    ],
)
def test_invalid_configurations_are_refused(change, complaint):
    with pytest.raises(ValidationError, match=complaint):
        Segmenter.model_validate(CONFIG.model_dump() | change)
