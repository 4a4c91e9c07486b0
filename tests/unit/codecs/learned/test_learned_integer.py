"""The integer prior is close to the trained one, and equal for every batch and thread count."""

import numpy as np
import pytest
import torch
from learned_examples import random_model, smooth_counts

from workflow_lib.codecs.learned.codec import LearnedCodec
from workflow_lib.codecs.learned.context import Context
from workflow_lib.codecs.learned.integer import IntegerPrior, Layer
from workflow_lib.codecs.learned.mixture import Mixture
from workflow_lib.errors import DownlinkError


def example(context, batch=3, height=5, width=6):
    model = random_model(context)
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(batch, 12, height, width, generator=generator) * model.spread
    hyper = 3 * torch.randn(batch, 8, 2, 2, generator=generator)
    return model, IntegerPrior(model.prior, model.spread), latents.round(), hyper.round()


def mixtures(integer, latents, hyper):
    batch, _, height, width = latents.shape
    everywhere = torch.arange(height * width)
    grid = integer.grid(batch, height, width)
    grid.place(everywhere, latents.flatten(2).transpose(1, 2))
    features = integer.features(hyper, height, width)
    return integer.mixtures(features.flatten(0, 1), grid.around(everywhere))


@torch.no_grad()
@pytest.mark.parametrize("context", Context)
def test_the_integer_prior_agrees_with_the_trained_prior(context):
    model, integer, latents, hyper = example(context)
    found = mixtures(integer, latents, hyper)
    expected = model.prior(hyper, latents, model.spread)

    def in_order(values):  # [batch, K, M, y, x] as [K, latent]
        return values.permute(1, 0, 3, 4, 2).flatten(1)

    spread = model.spread.flatten().repeat(len(found.means[0]) // 12)
    apart = (found.means / 64 - in_order(expected.means)).abs() / spread
    assert apart.max() < 1 / 64 / 0.3 + 0.01
    assert ((found.levels / 16 - 5) - in_order(expected.log_scales)).abs().max() < 0.05
    weights = torch.softmax(in_order(expected.log_weights) * np.log(2), dim=0)
    assert (found.weights / found.weights.sum(0) - weights).abs().max() < 0.02


@torch.no_grad()
@pytest.mark.parametrize("context", Context)
def test_batches_and_threads_change_no_bit(context):
    _, integer, latents, hyper = example(context)
    together = mixtures(integer, latents, hyper)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        alone = [
            mixtures(integer, one[None], of[None]) for one, of in zip(latents, hyper, strict=True)
        ]
    finally:
        torch.set_num_threads(threads)
    for whole, parts in zip(together, zip(*alone, strict=True), strict=True):
        assert torch.equal(whole, torch.cat(parts, dim=1))


@torch.no_grad()
def test_batches_and_threads_change_no_bit_at_full_size():
    model = random_model(Context.SERIAL, channels=128, latents=128)
    integer = IntegerPrior(model.prior, model.spread)
    generator = torch.Generator().manual_seed(0)
    latents = (5 * torch.randn(16, 128, 8, 8, generator=generator)).round()
    hyper = torch.randn(16, 128, 2, 2, generator=generator).round()
    together = mixtures(integer, latents, hyper)
    torch.set_num_threads(2)
    try:
        halves = [mixtures(integer, latents[s], hyper[s]) for s in (slice(0, 3), slice(3, 16))]
    finally:
        torch.set_num_threads(1)
    for whole, parts in zip(together, zip(*halves, strict=True), strict=True):
        assert torch.equal(whole, torch.cat(parts, dim=1))


@torch.no_grad()
@pytest.mark.parametrize("context", Context)
def test_rounding_the_networks_costs_less_than_half_a_percent(context):
    model, integer, _, hyper = example(context, batch=8)
    shape = (8, 12, 5, 6)
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(1)) * model.spread
    latents = drawn.round()
    exact = model.prior(hyper, latents, model.spread).bits(latents).item()
    found = mixtures(integer, latents, hyper)

    def in_place(values):  # [K, latent] as [batch, K, M, y, x]
        return values.reshape(3, 8, 5, 6, 12).permute(1, 0, 4, 2, 3).float()

    rounded = Mixture(
        in_place(found.means) / 64, in_place(found.levels) / 16 - 5, in_place(found.weights).log2()
    )
    assert rounded.bits(latents).item() == pytest.approx(exact, rel=0.005)


@torch.inference_mode()
def test_windows_and_escapes_cost_few_bits():
    model = random_model(Context.SERIAL)
    images = list(smooth_counts(4, 2, 128))
    integer = sum(LearnedCodec(model).cross_entropy(images))
    counts = torch.from_numpy(np.stack(images).astype(np.float32))
    assert integer == pytest.approx(model(model.normalise(counts)).bits.item(), rel=0.02)


def test_weights_whose_sums_are_inexact_are_refused():
    layer = Layer(torch.full((3, 4), 1e5), torch.zeros(3))
    with pytest.raises(DownlinkError, match="summed exactly"):
        layer.require_exact("layer")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("context.weight", lambda t: t.float()),
        ("context.weight", lambda t: t[:, :-1]),
        ("to_mean", lambda t: t + 2**40),
        ("layers.0.bias", lambda t: t + 2**53),
        ("tables.cumulative", lambda t: t.flip(0)),
    ],
)
def test_invalid_integers_are_refused_at_load(name, change):
    _, integer, _, _ = example(Context.SERIAL)
    state = integer.state()
    integer.load(state)
    state[name] = change(state[name])
    with pytest.raises(DownlinkError, match=name.split(".")[0]):
        integer.load(state)
