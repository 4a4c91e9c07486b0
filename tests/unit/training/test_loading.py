"""Batches that worker processes draw in advance equal those of a single process."""

import multiprocessing
import os
import signal
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from workflow_lib.codecs.learned.objective import Examples
from workflow_lib.segmentation.finetuning_data import Batch
from workflow_lib.segmentation.labelled_crops import Crops
from workflow_lib.training.crops import anywhere
from workflow_lib.training.loading import Draws, drawn, loaded, moved

SIDE = 16


def generator_of(step):
    return torch.Generator().manual_seed(1000 + step)


def of_segmenter(tiles):
    return Crops(tiles, batch=4, side=SIDE).draw


def of_codec(tiles):
    examples = Examples.of(tiles)

    def draw(generator):
        return examples.at(anywhere(examples.counts.shape, 4, SIDE, generator))

    return draw


def of_both(tiles):
    crops, examples = Crops(tiles, batch=4, side=SIDE), Examples.of(tiles)

    def draw(generator):
        return Batch(examples.at(crops.choose(generator)), crops.draw(generator).label)

    return draw


def tensors(batch):
    return [batch] if isinstance(batch, Tensor) else [t for part in batch for t in tensors(part)]


@pytest.fixture
def tiles(toy_tiles):
    rng = np.random.default_rng(0)
    label = rng.choice(np.array([0, 1, 255], np.uint8), (6, 24, 24))
    return toy_tiles(rng.integers(0, 65536, (6, 3, 24, 24)), label)


@pytest.mark.parametrize("task", [of_segmenter, of_codec, of_both])
def test_worker_processes_draw_the_same_batches_in_the_same_order(tiles, task):
    draw, steps = task(tiles), range(3, 12)
    expected = [draw(generator_of(step)) for step in steps]
    for workers in (0, 2):
        found = list(drawn(Draws(draw, generator_of), steps, workers))
        assert len(found) == len(steps)
        for ours, theirs in zip(found, expected, strict=True):
            assert type(ours) is type(theirs)
            pairs = list(zip(tensors(ours), tensors(theirs), strict=True))
            assert pairs
            assert all(a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("task", [of_segmenter, of_codec, of_both])
def test_counts_are_sent_as_two_bytes(tiles, task):
    (batch,) = loaded(Draws(task(tiles), generator_of), range(1), torch.device("cpu"))
    sizes = {t.dtype: t.element_size() for t in tensors(batch)}
    assert sizes.pop(torch.uint16) == 2
    assert set(sizes.values()) == {1}


def test_drawing_does_not_advance_torchs_global_generator(tiles):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    list(drawn(Draws(of_segmenter(tiles), generator_of), range(2), 0))
    assert torch.equal(torch.rand(1), expected)


def test_worker_processes_ignore_the_signal_that_ends_the_training(tiles):
    draw, steps = of_segmenter(tiles), range(40)
    batches = drawn(Draws(draw, generator_of), steps, 2)
    found = [next(batches), next(batches)]  # one of each
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGTERM)
    found += batches
    last = draw(generator_of(39))
    assert len(found) == 40
    assert torch.equal(found[-1].image, last.image)


def test_batches_keep_their_shape():
    class Inner(NamedTuple):
        a: Tensor

    class Outer(NamedTuple):
        inner: Inner
        pair: tuple[Tensor, Tensor]

    one = torch.ones(1)
    batch = moved(Outer(Inner(one), (one, one)), "meta")
    assert isinstance(batch, Outer)
    assert isinstance(batch.inner, Inner)
    assert all(t.device.type == "meta" for t in (batch.inner.a, *batch.pair))
