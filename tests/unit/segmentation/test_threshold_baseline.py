import re
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_lib.errors import DownlinkError
from workflow_lib.segmentation.labels import scored_label
from workflow_lib.segmentation.threshold_baseline import ThresholdBaseline, choose
from workflow_lib.segmentation.thresholds import LEVELS, best_cuts


def iou(predicted, label):
    counted = label != 255
    tp = np.sum(predicted & (label == 1))
    return tp / np.sum((predicted | (label == 1)) & counted)


def scene(seed, bands=3, counts=12):
    rng = np.random.default_rng(seed)
    image = rng.integers(1, counts, (4, bands, 16, 16))
    image[rng.random(image.shape) < 0.02] = 0
    label = rng.choice(np.array([0, 1, 255], np.uint8), (4, 16, 16), p=[0.7, 0.2, 0.1])
    label[0, 0, :2] = 0, 1
    return image.astype(np.uint16), label


def best_by_force(tiles):
    """Return the best IoU over all possible maps, by brute force."""
    label, image = scored_label(tiles), tiles.image.astype(float)
    scores = [iou(np.ones(label.shape, bool), label)]
    features = [image[:, band] for band in range(image.shape[1])]
    with np.errstate(invalid="ignore"):
        features += [
            (image[:, a] - image[:, b]) / (image[:, a] + image[:, b])
            for a, b in combinations(range(image.shape[1]), 2)
        ]
    for feature in features:
        for value in np.unique(feature[label != 255]):
            scores += [iou(feature > value, label), iou(feature <= value, label)]
    return max(scores)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_other_threshold_baseline_is_better(toy_tiles, seed):
    tiles = toy_tiles(*scene(seed))
    chosen = choose(tiles)
    assert chosen.iou == pytest.approx(best_by_force(tiles), abs=1e-12)
    assert iou(chosen.predict(tiles.image), scored_label(tiles)) == pytest.approx(chosen.iou)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, LEVELS - 1), min_size=1, max_size=30),
    st.lists(st.integers(0, LEVELS - 1), max_size=30),
)
def test_thresholds_equal_brute_force(positive, negative):
    p, n = np.array(positive), np.array(negative, np.int64)
    above, below = best_cuts(p, n)
    edges = {max(value - lower, 0) for value in (*positive, *negative) for lower in (0, 1)}
    best_above = max((p > t).sum() / (len(p) + (n > t).sum()) for t in edges)
    best_below = max((p <= t).sum() / (len(p) + (n <= t).sum()) for t in edges)
    assert above.iou == pytest.approx(best_above)
    assert below.iou == pytest.approx(best_below)
    found = (p > above.threshold).sum() / (len(p) + (n > above.threshold).sum())
    assert above.iou == pytest.approx(found)


def test_the_middle_of_equally_good_thresholds_is_chosen():
    above, below = best_cuts(np.array([300]), np.array([100]))
    assert (above.threshold, above.iou) == (200, 1)
    assert below.above is False


def test_a_bright_class_gives_a_threshold_on_one_band(toy_tiles):
    rng = np.random.default_rng(0)
    image, label = rng.integers(1, 1000, (2, 2, 16, 16)), rng.integers(0, 2, (2, 16, 16))
    image[:, 1] += 2000 * label
    chosen = choose(toy_tiles(image, label.astype(np.uint8)))
    assert re.fullmatch(r"B02 > 1\d\d\d", chosen.name)
    assert chosen.iou == 1


def test_a_dark_class_gives_a_threshold_on_one_band(toy_tiles):
    rng = np.random.default_rng(0)
    image, label = rng.integers(3000, 4000, (2, 1, 16, 16)), rng.integers(0, 2, (2, 16, 16))
    image[:, 0] -= 2000 * label
    chosen = choose(toy_tiles(image, label.astype(np.uint8)))
    assert re.fullmatch(r"B01 ≤ 2\d\d\d", chosen.name)


def test_a_ratio_hidden_by_brightness_gives_a_normalised_difference(toy_tiles):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, (4, 16, 16)).astype(np.uint8)
    light = rng.uniform(500, 20000, label.shape)
    image = np.stack([light, light * np.where(label, 1.5, 1.0)], axis=1).round()
    chosen = choose(toy_tiles(image, label))
    assert re.fullmatch(r"\(B01−B02\)/\(B01\+B02\) < -0\.\d{4}", chosen.name)
    assert chosen.iou == 1


def test_inseparable_classes_give_an_all_positive_map(toy_tiles):
    label = np.zeros((1, 16, 16), np.uint8)
    label[0, :4] = 1
    chosen = choose(toy_tiles(np.full((1, 2, 16, 16), 7), label))
    assert (chosen.name, chosen.iou) == ("all positive", 0.25)
    assert chosen.predict(np.ones((2, 2, 8, 8), np.uint16)).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_only_labelled_valid_pixels_of_known_splits_count(toy_tiles, seed):
    image, label = scene(seed)
    split = ["train", "validation", "test", "train"]
    tiles = toy_tiles(image, label, split)
    rng = np.random.default_rng(seed)
    noise = rng.integers(1, 65536, image.shape)
    hidden = (label == 255) | (np.arange(4) == 2)[:, None, None]
    other_image = np.where(hidden[:, None] & (image > 0), noise, image)
    other_label = np.where(tiles.valid & (np.arange(4) != 2)[:, None, None], label, 1)
    assert choose(toy_tiles(other_image, other_label.astype(np.uint8), split)) == choose(tiles)


def test_the_map_round_trips_through_json(toy_tiles):
    for seed in range(3):
        chosen = choose(toy_tiles(*scene(seed)))
        assert ThresholdBaseline.from_json(chosen.to_json()) == chosen


def test_labels_without_the_class_are_refused(toy_tiles):
    tiles = toy_tiles(np.ones((2, 1, 16, 16)))
    with pytest.raises(DownlinkError, match=r"toy: no positive.*salt"):
        choose(tiles)
