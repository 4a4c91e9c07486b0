"""Streams written on a GPU decode on a CPU to the same latents, and vice versa."""

import numpy as np
import pytest
import torch
from learned_examples import random_model, smooth_counts

from workflow_lib.codecs.learned.codec import LearnedCodec
from workflow_lib.codecs.learned.context import Context

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module", params=Context)
def codecs(request, tmp_path_factory):
    weights = tmp_path_factory.mktemp("gpu") / "weights.safetensors"
    LearnedCodec(random_model(request.param)).save(weights, {})
    return LearnedCodec.load(weights), LearnedCodec.load(weights, "cuda")


@pytest.mark.parametrize("reverse", [False, True])
def test_latents_are_equal_bit_for_bit(codecs, reverse):
    there, here = codecs if reverse else codecs[::-1]
    images = list(smooth_counts(64, 2, 128))
    payloads = [each.payload for each in there.encode_batch(images, [None] * 64)]
    with torch.inference_mode():
        written, _ = there.latents(images)
        together = here.decode_latents(payloads, (8, 8))
        alone = torch.cat([here.decode_latents([payload], (8, 8)) for payload in payloads])
    assert torch.equal(together.cpu(), written.cpu())
    assert torch.equal(alone.cpu(), written.cpu())


def test_counts_differ_by_rounding_only(codecs):
    here, there = codecs
    images = list(smooth_counts(8, 2, 128))
    coded = [(each.payload, b"") for each in there.encode_batch(images, [None] * 8)]
    shapes = [image.shape for image in images]
    pairs = zip(here.decode_batch(coded, shapes), there.decode_batch(coded, shapes), strict=True)
    apart = np.stack([np.abs(a.astype(int) - b) for a, b in pairs])
    assert apart.max() <= 1
    assert apart.mean() < 0.01
