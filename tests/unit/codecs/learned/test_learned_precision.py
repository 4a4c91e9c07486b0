"""Sums and likelihoods stay in float32 when forward passes use bf16; tested on the CPU."""

import pytest
import torch
from learned_examples import random_model, smooth_counts

from workflow_lib.codecs.learned.context import Context
from workflow_lib.segmentation.unet import UNet
from workflow_lib.training.precision import full, reduced

BF16 = torch.bfloat16


def seen_dtypes(module):
    """Collect the dtypes of a module's outputs when it runs."""
    found = {}
    for name, layer in module.named_modules():
        layer.register_forward_hook(
            lambda _layer, _inputs, output, name=name: (
                found.update({name: output.dtype}) if isinstance(output, torch.Tensor) else None
            )
        )
    return found


@pytest.mark.parametrize("context", Context)
def test_a_codecs_sums_and_likelihoods_stay_in_float32(context):
    model = random_model(context)
    image = model.normalise(torch.from_numpy(smooth_counts(2, 2, 64)).float())
    exact = model(image)
    found = seen_dtypes(model)
    with torch.autocast("cpu", BF16):
        output = model(image)
        latents, _ = model.analyse(image)
    assert output.image.dtype == output.bits.dtype == latents.dtype == torch.float32
    for name in ("analysis.linear", "synthesis.linear", "prior.parameters_network"):
        assert found[name] == torch.float32
    for name in ("analysis.last", "synthesis.last", "hyper_analysis.0"):
        assert found[name] == BF16
    assert output.bits.item() == pytest.approx(exact.bits.item(), rel=0.02)


def test_bf16_does_not_change_the_linear_transforms():
    model = random_model(Context.SERIAL)
    for part in (model.analysis, model.synthesis):
        for parameter in part.last.parameters():
            torch.nn.init.zeros_(parameter)
    image = model.normalise(torch.from_numpy(smooth_counts(2, 2, 64)).float())
    exact, _ = model.analyse(image)
    with torch.autocast("cpu", BF16):
        latents, _ = model.analyse(image)
        assert torch.equal(model.synthesise(latents), model.synthesise(exact))
    assert torch.equal(latents, exact)


def test_a_segmenters_logits_are_float32():
    torch.manual_seed(0)
    model = UNet("mobilenet_v2", 3, (8, 8, 8), 2)
    found = seen_dtypes(model)
    with torch.autocast("cpu", BF16):
        logits = model(torch.ones(1, 2, 32, 32, dtype=torch.uint16))
    assert logits.dtype == torch.float32
    assert found["network"] == BF16


def test_trainings_on_a_cpu_are_never_in_bf16():
    linear, x = torch.nn.Linear(4, 4), torch.ones(1, 4)
    with reduced(torch.device("cpu")):
        assert linear(x).dtype == torch.float32
    with torch.autocast("cpu", BF16), full(x):
        assert linear(x).dtype == torch.float32


@pytest.mark.parametrize("units", [True, False])
def test_gpus_without_units_for_bf16_train_in_float32(monkeypatch, units):
    def supported(including_emulation=True):
        return units or including_emulation

    asked = []
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    monkeypatch.setattr(torch, "autocast", lambda *args, **named: asked.append((args, named)))
    reduced(torch.device("cuda"))
    assert asked == [(("cuda", BF16), {"enabled": units})]
