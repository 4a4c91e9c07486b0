"""All tensors of a training are on the model's device; the device "meta" represents a GPU."""

from contextlib import nullcontext

import pytest
import torch
from learned_examples import random_model

from workflow_lib.codecs.learned import model as model_module
from workflow_lib.codecs.learned import transforms
from workflow_lib.codecs.learned.context import Context
from workflow_lib.codecs.learned.objective import Cost, Examples, coded
from workflow_lib.segmentation.finetuning_data import mapped
from workflow_lib.segmentation.finetuning_setting import Pair
from workflow_lib.segmentation.train import masked_cross_entropy
from workflow_lib.segmentation.unet import UNet
from workflow_lib.training.loading import moved


@pytest.fixture(autouse=True)
def _without_autocast(monkeypatch):
    """Disable autocast, which does not support the device "meta"."""
    for module in (transforms, model_module):
        monkeypatch.setattr(module, "full", lambda like: nullcontext())


def batch():
    counts = torch.ones(2, 2, 60, 60, dtype=torch.uint16)
    return moved(Examples(counts, torch.ones(2, 1, 60, 60, dtype=torch.bool)), "meta")


def gradients(module):
    """Return all gradients except those of encoder stages that a shallow U-Net leaves out."""
    return [p.grad for p in module.parameters() if p.grad is not None]


@pytest.mark.parametrize("context", Context)
def test_a_training_step_of_a_codec_runs_on_the_models_device(context):
    model = random_model(context).to("meta").train()
    costs = [coded(model, batch(), 10000.0)[1] for _ in range(2)]
    Cost.sum(costs).losses(0.05)["loss"].backward()
    assert {g.device.type for g in gradients(model)} == {"meta"}


@pytest.mark.parametrize("encoder", ["mobilenet_v2", "resnet34"])
def test_a_joint_step_runs_on_the_models_device(encoder):
    unet = UNet(encoder, 4, (8, 8, 8, 8), 2)
    pair = Pair(random_model(Context.SERIAL), unet).to("meta").train()
    label = torch.ones(2, 60, 60, dtype=torch.uint8, device="meta")
    cost, logits = mapped(pair, batch(), 10000.0)
    (cost.losses(0.05)["loss"] + masked_cross_entropy(logits, label)).backward()
    assert {g.device.type for g in gradients(pair)} == {"meta"}
