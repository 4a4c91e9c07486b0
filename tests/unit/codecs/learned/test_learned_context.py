"""The decoding order of each context."""

import numpy as np
import pytest
import torch
from learned_examples import random_model

from workflow_lib.codecs.learned.context import Context, steps, visible


@pytest.mark.parametrize("context", Context)
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (2, 30), (30, 2)])
def test_each_position_is_decoded_once_after_its_context(context, size):
    height, width = size
    order = np.full(height * width, -1)
    for number, step in enumerate(steps(context, height, width)):
        assert (order[step] == -1).all()
        order[step] = number
    assert (order >= 0).all()
    convolution = random_model(context).prior.context
    if convolution is None:
        return
    seen = np.where(visible(context, height, width), order.reshape(size), -1)
    padded = np.pad(seen, 2, constant_values=-1)
    for y, x in convolution.mask[0, 0].nonzero().tolist():
        assert (padded[y : y + height, x : x + width] < order.reshape(size)).all()


def test_the_serial_context_is_decoded_in_wavefronts():
    assert len(steps(Context.SERIAL, 8, 8)) == 8 + 3 * 7
    assert max(map(len, steps(Context.SERIAL, 60, 60))) == 20


def test_checkerboard_takes_two_steps_and_hyperprior_one():
    assert len(steps(Context.CHECKERBOARD, 50, 50)) == 2
    assert len(steps(Context.NONE, 50, 50)) == 1


@torch.no_grad()
def test_the_first_checkerboard_step_has_no_context():
    prior = random_model(Context.CHECKERBOARD).prior
    hyper, spread = torch.zeros(1, 8, 2, 2), torch.ones(12, 1, 1)
    latents = torch.randn(1, 12, 8, 8).round()
    with_context = prior(hyper, latents, spread).means[0, 0, 0]
    without = prior(hyper, 0 * latents, spread).means[0, 0, 0]
    first = torch.from_numpy(visible(Context.CHECKERBOARD, 8, 8))
    assert torch.equal(with_context[first], without[first])
    assert not torch.isclose(with_context[~first], without[~first]).any()
