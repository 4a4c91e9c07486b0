"""Events and false alarms, checked by hand and against scikit-image's labelling."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label as connected

from workflow_lib.measure import metric_names
from workflow_lib.measure.events import detect
from workflow_lib.measure.rows import Key
from workflow_lib.measure.scores import MapScores
from workflow_lib.measure.table import tile_rows


def tiles_of(toy_tiles, label):
    """Cut a scene's label, uint8 [y, x], into 2 × 2 tiles; also return the side of a tile."""
    side = label.shape[0] // 2
    cut = label.reshape(2, side, 2, side).swapaxes(1, 2).reshape(4, side, side)
    tiles = toy_tiles(np.ones((4, 1, side, side)), cut)
    return replace(tiles, row=np.array([0, 0, 1, 1]), col=np.array([0, 1, 0, 1])), side


def cut_alike(canvas, side):
    return canvas.reshape(2, side, 2, side).swapaxes(1, 2).reshape(4, side, side)


def test_an_event_spans_tiles_and_counts_once(toy_tiles):
    label = np.zeros((8, 8), np.uint8)
    label[1, 2:6] = 1  # spans two tiles
    label[3, 3] = label[4, 4] = 1  # connected diagonally
    label[7, 0] = 1
    label[0, 7] = 255
    mapped = np.zeros((8, 8), bool)
    mapped[1, 5] = mapped[0, 7] = True  # one event; one ignored pixel
    mapped[6, 6] = mapped[7, 7] = True  # one false alarm, connected diagonally
    tiles, side = tiles_of(toy_tiles, label)
    found = detect(tiles, cut_alike(mapped, side))
    assert found.events.tolist() == [2, 0, 1, 0]
    assert found.found.tolist() == [1, 0, 0, 0]
    assert found.false_alarms.tolist() == [0, 0, 0, 1]
    scores = MapScores.of(tiles, cut_alike(mapped, side)).pooled()
    assert scores[metric_names.EVENT_RECALL] == 1 / 3
    assert scores[metric_names.FALSE_ALARMS_PER_MPX] == 1e6 / 63


def test_tiles_that_do_not_touch_are_not_joined(toy_tiles):
    tiles = toy_tiles(np.ones((2, 1, 16, 16)), np.ones((2, 16, 16), np.uint8))
    near = replace(tiles, row=np.array([0, 0]), col=np.array([0, 1]))
    far = replace(tiles, row=np.array([0, 0]), col=np.array([0, 2]))
    elsewhere = replace(near, scene=np.array(["a", "b"]))
    nothing = np.zeros((2, 16, 16), bool)
    assert [detect(t, nothing).events.sum() for t in (near, far, elsewhere)] == [1, 2, 2]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.02, 0.6))
def test_counts_agree_with_scikit_image(toy_tiles, seed, share):
    rng = np.random.default_rng(seed)
    label = (rng.random((16, 16)) < share).astype(np.uint8)
    mapped = rng.random((16, 16)) < share
    tiles, side = tiles_of(toy_tiles, label)
    found = detect(tiles, cut_alike(mapped, side))
    events, alarms = connected(label, connectivity=2), connected(mapped, connectivity=2)
    assert found.events.sum() == events.max()
    assert found.found.sum() == len(set(events[mapped]) - {0})
    assert found.false_alarms.sum() == alarms.max() - len(set(alarms[label == 1]) - {0})


def test_scores_are_recovered_from_the_tidy_table(toy_tiles):
    rng = np.random.default_rng(3)
    tiles, side = tiles_of(toy_tiles, (rng.random((16, 16)) < 0.3).astype(np.uint8))
    scores = MapScores.of(tiles, cut_alike(rng.random((16, 16)) < 0.3, side))
    rows = tile_rows(Key("toy", regime="original"), tiles, scores.per_tile())
    assert MapScores.from_rows(rows).pooled() == scores.pooled()
