import numpy as np
import pytest
import torch

from workflow_lib.config.segmenters import Segmenter
from workflow_lib.errors import DownlinkError
from workflow_lib.measure.segmentation import confusion
from workflow_lib.segmentation.labelled_crops import Crops
from workflow_lib.segmentation.labels import scored_label
from workflow_lib.segmentation.predict import predict
from workflow_lib.segmentation.threshold_baseline import choose
from workflow_lib.segmentation.train import masked_cross_entropy, train_segmenter
from workflow_lib.training.crops import turned

pytestmark = pytest.mark.trained


def config(steps, batch=8, crop=32, learning_rate=3e-3):
    return Segmenter(
        encoder="mobilenet_v2",
        depth=3,
        decoder_channels=(32, 16, 8),
        training={
            "steps": steps,
            "batch": batch,
            "crop": crop,
            "learning_rate": learning_rate,
            "validate_every": 10,
        },
    )


def blobs(toy_tiles, seed=0, tiles=12, side=32):
    """Generate smooth squares among equally bright speckle, which no threshold separates."""
    rng = np.random.default_rng(seed)
    image = rng.choice(np.array([1000, 3000]), (tiles, 1, side, side), p=[0.6, 0.4])
    label = np.zeros((tiles, side, side), np.uint8)
    for tile, (y, x) in enumerate(rng.integers(0, side - 10, (tiles, 2))):
        image[tile, 0, y : y + 10, x : x + 10] = 3000
        label[tile, y : y + 10, x : x + 10] = 1
    split = np.array(["train", "train", "train", "validation"] * (tiles // 4))
    return toy_tiles(image + rng.integers(-50, 50, image.shape), label, split)


def iou(label, predicted):
    return confusion(label, predicted).pooled()["iou"]


def test_the_segmenter_separates_classes_that_no_threshold_separates(toy_tiles, tmp_path):
    tiles = blobs(toy_tiles)
    weights = tmp_path / "weights.safetensors"
    train_segmenter(tiles, config(60), 0, tmp_path / "run", weights)
    unseen = blobs(toy_tiles, seed=1)
    probability, threshold = predict(weights, unseen.image)
    learned = iou(unseen.label, probability >= threshold)
    baseline = iou(unseen.label, choose(tiles).predict(unseen.image))
    assert baseline < 0.4
    assert learned > baseline + 0.2


def test_equal_seeds_give_equal_files(toy_tiles, tmp_path):
    tiles = blobs(toy_tiles)
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train_segmenter(tiles, config(3), seed, tmp_path / f"run-{name}", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_ignored_and_test_pixels_never_matter(toy_tiles, tmp_path):
    tiles = blobs(toy_tiles)
    tiles.label[:, :4] = 255
    tiles.image[:, :, 4:6] = 0
    tiles.split[-2] = "test"
    other_label = np.where(tiles.valid, tiles.label, 1)
    other_label[-2] = 1
    other = toy_tiles(tiles.image, other_label, tiles.split)
    for name, each in (("a", tiles), ("b", other)):
        train_segmenter(each, config(3), 0, tmp_path / f"run-{name}", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_threshold_is_the_best_on_the_validation_tiles(toy_tiles, tmp_path):
    tiles = blobs(toy_tiles)
    summary = train_segmenter(tiles, config(10), 0, tmp_path / "run", tmp_path / "weights")
    validation = tiles.where("validation")
    probability, threshold = predict(tmp_path / "weights", validation.image)
    found = iou(validation.label, probability >= threshold)
    assert found == pytest.approx(1 - summary.validation["loss"])
    others = [iou(validation.label, probability >= t) for t in np.linspace(0, 1, 101)]
    assert found >= max(others)


def test_cross_entropy_of_counted_pixels_only():
    logits = torch.tensor([[[0.0, 2.0, 50.0]]], requires_grad=True)
    loss = masked_cross_entropy(logits, torch.tensor([[[1, 0, 255]]], dtype=torch.uint8))
    assert loss.item() == pytest.approx((np.log(2) + np.log1p(np.exp(2.0))) / 2)
    loss.backward()
    assert logits.grad[0, 0, 2] == 0


def test_a_batch_without_labels_has_no_gradient():
    logits = torch.ones(1, 2, 2, requires_grad=True)
    loss = masked_cross_entropy(logits, torch.full((1, 2, 2), 255, dtype=torch.uint8))
    loss.backward()
    assert loss == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("side", [16, 32])
def test_half_of_the_crops_contain_a_rare_class(toy_tiles, side):
    label = np.zeros((30, 32, 32), np.uint8)
    label[7, 31, 0] = 1
    tiles = toy_tiles(np.random.default_rng(0).integers(1, 9, (30, 2, 32, 32)), label)
    crops = Crops(tiles, batch=8, side=side)
    for seed in range(20):
        image, drawn = crops.draw(torch.Generator().manual_seed(seed))
        assert image.shape == (8, 2, side, side)
        assert (drawn.numpy() == 1).any(axis=(1, 2)).sum() >= 4


def test_crops_keep_image_and_label_together(toy_tiles):
    rng = np.random.default_rng(0)
    label = rng.choice(np.array([0, 1, 255], np.uint8), (4, 24, 24))
    image = np.stack([label.astype(int) + 1, rng.integers(1, 9, label.shape)], axis=1)
    image[0, 1, :5] = 0
    crops = Crops(toy_tiles(image, label), batch=16, side=16)
    drawn_image, drawn_label = (a.numpy() for a in crops.draw(torch.Generator().manual_seed(0)))
    valid = (drawn_image > 0).all(axis=1)
    assert np.array_equal(np.where(valid, drawn_image[:, 0] - 1, 255), drawn_label)


def test_crops_reach_every_corner(toy_tiles):
    image = np.arange(1, 401).reshape(1, 1, 20, 20)
    label = np.zeros((1, 20, 20), np.uint8)
    label[0, 10, 10] = 1
    crops = Crops(toy_tiles(image, label), batch=400, side=16)
    seen = np.unique(crops.draw(torch.Generator().manual_seed(0))[0].numpy())
    assert {1, 20, 381, 400} <= set(seen.tolist())


def test_the_eight_symmetries_differ():
    square = np.arange(9).reshape(3, 3)
    assert len({turned(square, symmetry).tobytes() for symmetry in range(8)}) == 8


@pytest.mark.parametrize(
    ("value", "split", "complaint"),
    [
        (0, "train", "no positive labelled pixel in the train"),
        (255, "train", "no positive labelled pixel in the train"),
        (0, "validation", "no positive labelled pixel in the validation"),
        (1, "validation", "no negative labelled pixel in the validation"),
    ],
)
def test_labels_of_one_class_only_are_refused(toy_tiles, tmp_path, value, split, complaint):
    tiles = blobs(toy_tiles)
    tiles.label[tiles.split == split] = value
    with pytest.raises(DownlinkError, match=rf"toy: {complaint}.*salt"):
        train_segmenter(tiles, config(1), 0, tmp_path / "run", tmp_path / "weights")
    assert not (tmp_path / "weights").exists()


def test_nodata_counts_as_ignored(toy_tiles):
    tiles = blobs(toy_tiles)
    tiles.image[0, 0, 0, 0] = 0
    assert scored_label(tiles)[0, 0, 0] == 255
