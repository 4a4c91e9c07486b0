import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import binary_average_precision, binary_stat_scores

from workflow_lib.measure.rows import Key
from workflow_lib.measure.segmentation import Confusion, average_precision, confusion
from workflow_lib.measure.table import tile_rows


def maps(seed, tiles=4, side=8):
    rng = np.random.default_rng(seed)
    label = rng.choice(np.array([0, 1, 255], np.uint8), (tiles, side, side), p=[0.6, 0.3, 0.1])
    return rng, label, rng.random(label.shape) < 0.4


def precision_recall_area(label, probability):
    """Average precision by definition: precision × increase in recall, summed over thresholds."""
    counted = label != 255
    label, probability = label[counted], probability[counted]
    area, before = 0.0, 0.0
    for threshold in np.unique(probability)[::-1]:
        predicted = probability >= threshold
        tp = np.sum(predicted & (label == 1))
        recall = tp / np.sum(label == 1)
        area += tp / predicted.sum() * (recall - before)
        before = recall
    return area


def test_scores_by_hand():
    label = np.array([[[1, 1, 1, 0], [0, 0, 255, 255]]], np.uint8)
    predicted = np.array([[[1, 1, 0, 1], [0, 0, 1, 0]]], bool)
    scores = confusion(label, predicted).pooled()
    assert [scores[n] for n in ("tp", "fp", "fn", "tn")] == [2, 1, 1, 2]
    assert scores["iou"] == 2 / 4
    assert scores["precision"] == scores["recall"] == scores["f1"] == pytest.approx(2 / 3)


def test_scores_are_pooled_not_averaged():
    label = np.zeros((2, 4, 4), np.uint8)
    label[0, 0, 0], label[1] = 1, 1
    predicted = np.zeros_like(label, bool)
    predicted[1] = True
    counts = confusion(label, predicted)
    assert counts.per_tile()["iou"].tolist() == [0, 1]
    assert counts.pooled()["iou"] == 16 / 17


def test_undefined_scores_are_nan():
    empty = np.zeros((1, 4, 4), np.uint8)
    nothing = confusion(empty, empty.astype(bool)).pooled()
    assert all(np.isnan(nothing[name]) for name in ("iou", "f1", "precision", "recall"))
    false_alarm = confusion(empty, ~empty.astype(bool)).pooled()
    assert false_alarm["iou"] == 0
    assert np.isnan(false_alarm["recall"])


def test_ignored_tiles_do_not_count():
    label = np.full((2, 4, 4), 255, np.uint8)
    label[1, 0] = 1
    counts = confusion(label, np.ones(label.shape, bool))
    assert [getattr(counts, n)[0] for n in ("tp", "fp", "fn", "tn")] == [0, 0, 0, 0]
    assert counts.pooled()["iou"] == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_confusion_agrees_with_torchmetrics(seed):
    _, label, predicted = maps(seed)
    expected = binary_stat_scores(
        torch.from_numpy(predicted).int(),
        torch.from_numpy(label).int(),
        multidim_average="samplewise",
        ignore_index=255,
    ).numpy()
    counts = confusion(label, predicted)
    found = np.stack([counts.tp, counts.fp, counts.tn, counts.fn], axis=1)
    assert np.array_equal(found, expected[:, :4])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_pooled_scores_do_not_depend_on_ignored_pixels_or_order(seed):
    rng, label, predicted = maps(seed)
    other = np.where(label == 255, rng.random(label.shape) < 0.5, predicted)
    order = rng.permutation(len(label))
    scores = confusion(label, predicted).pooled()
    assert confusion(label[order], other[order]).pooled() == pytest.approx(scores, nan_ok=True)
    parts = [confusion(label[:1], predicted[:1]), confusion(label[1:], other[1:])]
    assert Confusion.join(parts).pooled() == pytest.approx(scores, nan_ok=True)


def test_confusion_is_recovered_from_the_tidy_table(toy_tiles):
    _, label, predicted = maps(5, side=16)
    tiles = toy_tiles(np.ones((4, 1, 16, 16)), label)
    counts = confusion(label, predicted)
    rows = tile_rows(Key("toy", regime="original", segmenter="u"), tiles, counts.per_tile())
    assert Confusion.from_rows(rows).pooled() == counts.pooled()


def test_average_precision_by_definition():
    rng, label, _ = maps(6)
    probability = rng.integers(0, 20, label.shape).astype(np.float32) / 20  # with ties
    expected = precision_recall_area(label, probability)
    assert average_precision(label, probability) == pytest.approx(expected, rel=1e-5)
    counted = label != 255
    oracle = binary_average_precision(
        torch.from_numpy(probability[counted]), torch.from_numpy(label[counted]).int()
    )
    assert average_precision(label, probability) == pytest.approx(float(oracle), rel=1e-5)
    ignored = np.where(label == 255, rng.random(label.shape), probability).astype(np.float32)
    assert average_precision(label, ignored) == average_precision(label, probability)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_scores_agree_with_scikit_learn(seed):
    rng, label, predicted = maps(seed)
    probability = (rng.integers(0, 20, label.shape) / 20).astype(np.float32)
    counted = label != 255
    scores = confusion(label, predicted).pooled()
    for name, oracle in (
        ("iou", sklearn.metrics.jaccard_score),
        ("f1", sklearn.metrics.f1_score),
        ("precision", sklearn.metrics.precision_score),
        ("recall", sklearn.metrics.recall_score),
    ):
        assert scores[name] == pytest.approx(oracle(label[counted], predicted[counted]))
    area = sklearn.metrics.average_precision_score(label[counted], probability[counted])
    assert average_precision(label, probability) == pytest.approx(area)


def test_average_precision_without_positives_is_nan():
    label = np.zeros((1, 4, 4), np.uint8)
    assert np.isnan(average_precision(label, np.ones(label.shape, np.float32)))
