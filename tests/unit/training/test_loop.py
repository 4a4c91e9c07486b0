import json
import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from workflow_lib.config.schedule import TrainingSchedule
from workflow_lib.errors import DownlinkError
from workflow_lib.training.checkpoints import forget
from workflow_lib.training.loop import train
from workflow_lib.training.weights import load_weights, save_weights

pytestmark = pytest.mark.trained

PLAN = TrainingSchedule(
    steps=12, batch=4, crop=16, learning_rate=0.05, validate_every=5, checkpoint_seconds=0
)


class Noisy:
    """A regression task whose steps use both sources of randomness, and batch statistics."""

    def __init__(self, stop_before=None, spoil_at=None):
        torch.manual_seed(7)
        self.model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))
        self.stop_before, self.spoil_at, self.steps = stop_before, spoil_at, 0

    def parameter_groups(self):
        return [
            {"params": list(self.model[0].parameters()), "lr": 1e-3},
            {"params": [*self.model[1].parameters(), *self.model[2].parameters()]},
        ]

    def _loss(self, x):
        return ((self.model(x) - x.sum(1, keepdim=True)) ** 2).mean()

    def batch(self, generator):
        return torch.randn(16, 3, generator=generator)

    def training_losses(self, x):
        self.steps += 1
        if self.steps == self.stop_before:
            raise KeyboardInterrupt
        loss = self._loss(x + 0.1 * torch.randn_like(x))
        return {"loss": loss * math.nan if self.steps == self.spoil_at else loss, "extra": loss}

    def validation_losses(self):
        return {"loss": self._loss(torch.linspace(-1, 1, 30).reshape(10, 3)).item()}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def interrupted(folder, before):
    with pytest.raises(KeyboardInterrupt):
        train(Noisy(stop_before=before), PLAN, 3, folder)


@pytest.mark.parametrize("before", [2, 6, 7, 12])
def test_an_interrupted_run_ends_with_the_same_bits(tmp_path, before):
    whole, resumed = Noisy(), Noisy()
    one = train(whole, PLAN, 3, tmp_path / "whole")
    interrupted(tmp_path / "cut", before)
    two = train(resumed, PLAN, 3, tmp_path / "cut")
    assert two.resumed_from == before - 1
    assert resumed.steps == PLAN.steps - two.resumed_from
    assert same(whole.model.state_dict(), resumed.model.state_dict())
    assert (one.best_step, one.validation) == (two.best_step, two.validation)
    for a, b in zip(lines(tmp_path / "whole"), lines(tmp_path / "cut"), strict=True):
        assert {**a, "seconds": 0} == {**b, "seconds": 0}


def test_a_finished_run_is_not_trained_again_until_its_checkpoint_is_removed(tmp_path):
    first, again, afresh = Noisy(), Noisy(), Noisy()
    one = train(first, PLAN, 3, tmp_path / "run")
    two = train(again, PLAN, 3, tmp_path / "run")
    assert again.steps == 0
    assert same(first.model.state_dict(), again.model.state_dict())
    assert (one.best_step, one.validation, one.steps) == (two.best_step, two.validation, two.steps)
    forget(tmp_path)
    train(afresh, PLAN, 3, tmp_path / "run")
    assert afresh.steps == PLAN.steps


def test_another_seed_gives_other_weights(tmp_path):
    one, two = Noisy(), Noisy()
    train(one, PLAN, 3, tmp_path / "a")
    train(two, PLAN, 4, tmp_path / "b")
    assert not same(one.model.state_dict(), two.model.state_dict())


@pytest.mark.parametrize(
    ("plan", "seed"), [(PLAN, 4), (PLAN.model_copy(update={"learning_rate": 0.04}), 3)]
)
def test_a_checkpoint_of_another_run_is_ignored(tmp_path, plan, seed, caplog):
    interrupted(tmp_path, 8)
    resumed, fresh = Noisy(), Noisy()
    assert train(resumed, plan, seed, tmp_path).resumed_from == 0
    train(fresh, plan, seed, tmp_path / "fresh")
    assert same(resumed.model.state_dict(), fresh.model.state_dict())
    assert "another run" in caplog.text


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"x" * 99])
def test_a_damaged_checkpoint_is_ignored(tmp_path, damage, caplog):
    interrupted(tmp_path, 8)
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    assert train(Noisy(), PLAN, 3, tmp_path).resumed_from == 0
    assert "unreadable" in caplog.text
    assert [line["step"] for line in lines(tmp_path)] == [5, 10, 12]


def test_the_best_weights_are_kept(tmp_path):
    wild = PLAN.model_copy(update={"learning_rate": 30.0, "steps": 20})
    task = Noisy()
    summary = train(task, wild, 3, tmp_path)
    seen = [line["validation"]["loss"] for line in lines(tmp_path)]
    assert summary.validation["loss"] <= min(seen)
    assert task.validation_losses()["loss"] == summary.validation["loss"]


def test_learning_rates_fall_to_zero_from_each_groups_peak(tmp_path):
    train(Noisy(), PLAN.model_copy(update={"validate_every": 1}), 3, tmp_path)
    rates = [line["learning_rates"] for line in lines(tmp_path)]
    assert rates[0] == [1e-3, 0.05]
    assert all(later[1] < earlier[1] for earlier, later in pairwise(rates))
    assert rates[-1][1] < 0.02 * 0.05


def test_the_error_for_divergence_names_step_and_remedy(tmp_path):
    with pytest.raises(DownlinkError, match=r"step 6.*[Ll]ower learning_rate"):
        train(Noisy(spoil_at=6), PLAN, 3, tmp_path)


def test_weights_round_trip_with_equal_bytes(tmp_path):
    model, metadata = Noisy().model, {"b": "2", "a": "é", "c": "3"}
    for name in "xy":
        save_weights(model.state_dict(), tmp_path / name, metadata)
    tensors, found = load_weights(tmp_path / "x")
    assert same(model.state_dict(), tensors)
    assert found == metadata
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


@pytest.mark.parametrize("damage", [lambda b: b[:50], lambda b: b"", lambda b: b[:-9]])
def test_damaged_weights_raise_an_error_that_names_the_file(tmp_path, damage):
    path = tmp_path / "model.safetensors"
    save_weights(Noisy().model.state_dict(), path, {})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DownlinkError, match=r"model\.safetensors"):
        load_weights(path)
    with pytest.raises(DownlinkError, match="missing"):
        load_weights(tmp_path / "missing")
