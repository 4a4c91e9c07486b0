"""SIGTERM, which schedulers send before they kill a job, ends a training after its current step."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from workflow_lib.config.schedule import TrainingSchedule
from workflow_lib.config.segmenters import Segmenter
from workflow_lib.data.store import Variable, read_tiles, write_store
from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.sidecar import Sidecar
from workflow_lib.segmentation.train import train_segmenter
from workflow_lib.training.loop import train

pytestmark = pytest.mark.trained

ROOT = Path(__file__).parents[3]
PLAN = TrainingSchedule(steps=6, batch=1, crop=16, learning_rate=0.1, validate_every=2)


class Terminated:
    """A regression task that gets SIGTERM during a step or a validation."""

    def __init__(self, at=None, validation=None):
        torch.manual_seed(7)
        self.model = nn.Linear(3, 1)
        self.at, self.validation, self.steps, self.validations = at, validation, 0, 0

    def parameter_groups(self):
        return [{"params": list(self.model.parameters())}]

    def batch(self, generator):
        return torch.randn(8, 3, generator=generator)

    def training_losses(self, x):
        self.steps += 1
        if self.steps == self.at:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"loss": ((self.model(x) - x.sum(1, keepdim=True)) ** 2).mean()}

    def validation_losses(self):
        self.validations += 1
        if self.validations == self.validation:
            os.kill(os.getpid(), signal.SIGTERM)
        return {"loss": self.model(torch.ones(1, 3)).square().item()}


@pytest.mark.parametrize(
    ("how", "done"), [({"at": 1}, 1), ({"at": 4}, 4), ({"at": 6}, 6), ({"validation": 2}, 2)]
)
def test_a_terminated_training_keeps_its_current_step_and_resumes(tmp_path, how, done):
    whole, cut, resumed = Terminated(), Terminated(**how), Terminated()
    summary = train(whole, PLAN, 3, tmp_path / "whole")
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(DownlinkError, match=rf"SIGTERM after step {done} of 6.*again to resume"):
        train(cut, PLAN, 3, tmp_path / "cut")
    assert signal.getsignal(signal.SIGTERM) is before
    again = train(resumed, PLAN, 3, tmp_path / "cut")
    assert (again.resumed_from, resumed.steps) == (done, 6 - done)
    assert torch.equal(whole.model.weight, resumed.model.weight)
    assert again.validation == summary.validation


def config(steps):
    plan = TrainingSchedule(steps=steps, batch=4, crop=32, learning_rate=1e-3, validate_every=2)
    return Segmenter(encoder="mobilenet_v2", depth=3, decoder_channels=(8, 8, 8), training=plan)


def segmenting(folder, store, name, steps, attempt):
    described = {
        "rule": "train_on_originals",
        "wildcards": {},
        "inputs": [],
        "outputs": [f"{folder}/{name}.w"],
        "sidecar": f"{folder}/sidecar.json",
        "commit": [None, None],
        "root": str(ROOT),
        "code": "",
        "shell": "",
    }
    (folder / "job.json").write_text(json.dumps(described))
    told = {"DOWNLINK_JOB": str(folder / "job.json"), "SLURM_JOB_ID": str(attempt)}
    options = f"--tiles {store} --held-out 9 --seed 0 --device cpu"
    command = [sys.executable, ROOT / "scripts/train_segmenter.py", *options.split()]
    command += [
        "--segmenter",
        config(steps).canonical(),
        "--run",
        folder / name,
        "--weights",
        folder / f"{name}.w",
    ]
    return subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **told},
    )


def stored(tiles, folder):
    """Write a tile store."""
    variables = {
        "image": Variable(("tile", "band", "y", "x"), tiles.image),
        "label": Variable(("tile", "y", "x"), tiles.label),
    }
    for name in ("row", "col", "block", "fold", "validation"):
        variables[name] = Variable(("tile",), getattr(tiles, name))
    attributes = {"scene": "scene", "info": tiles.info.canonical()}
    write_store(variables, attributes, folder / "scene.zarr", 4)
    return folder / "scene.zarr"


def test_a_terminated_job_prints_one_line_and_resumes(tmp_path, toy_tiles):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, (8, 32, 32)).astype(np.uint8)
    tiles = toy_tiles(rng.integers(1, 9000, (8, 2, 32, 32)), label)
    store = stored(replace(tiles, validation=np.arange(8) % 4 == 3), tmp_path)
    job = segmenting(tmp_path, store, "cut", steps=40, attempt=1)
    lines = tmp_path / "cut" / "metrics.jsonl"
    deadline = time.monotonic() + 60
    while not lines.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    job.send_signal(signal.SIGTERM)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 1
    assert said.splitlines()[-1].startswith("error: Stopped by SIGTERM after step")
    assert "Traceback" not in said
    assert not (tmp_path / "cut.w").exists()
    again = segmenting(tmp_path, store, "cut", steps=40, attempt=2)
    train_segmenter(read_tiles([store], 9), config(40), 0, tmp_path / "whole", tmp_path / "whole.w")
    assert again.wait(timeout=120) == 0
    assert (tmp_path / "cut.w").read_bytes() == (tmp_path / "whole.w").read_bytes()
    assert not list(tmp_path.rglob("checkpoint.pt"))
    ran = Sidecar.read(tmp_path / "sidecar.json")
    (earlier,) = ran.earlier
    assert earlier["start"] < ran.start
    assert (earlier["node"], earlier["cpu"]) == (ran.node, ran.cpu)
    assert (earlier["device"], earlier["slurm_job"]) == ("cpu", "1")
    assert ran.slurm_job == "2"
