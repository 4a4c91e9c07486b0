import json

import numpy as np
import pytest
import torch
from learned_examples import make_config, make_tiles, smooth_counts, two_band_tiles

from workflow_lib.codecs.learned.codec import LearnedCodec
from workflow_lib.codecs.learned.context import Context
from workflow_lib.codecs.learned.fit import CodecTask, fit
from workflow_lib.codecs.learned.model import LearnedModel
from workflow_lib.codecs.learned.prior import Architecture
from workflow_lib.errors import DownlinkError

pytestmark = pytest.mark.trained


def losses_on(image, splits):
    tiles = make_tiles(image, splits)
    torch.manual_seed(0)
    model = LearnedModel(Architecture(2, 8, 24, 3, Context.SERIAL))
    return CodecTask(model.eval(), tiles, make_config(), 0.05).validation_losses()


def test_nodata_changes_neither_loss_nor_number_of_samples():
    image = smooth_counts(3, 2, 64)
    with torch.no_grad():
        before = losses_on(image[:2], ["train", "validation"])
        image[2] = 0
        after = losses_on(image, ["train", "validation", "validation"])
    # if it counted, an empty tile would halve the error or make it infinite
    assert after["mse_255"] == pytest.approx(before["mse_255"], rel=0.05)


def test_loss_is_rate_plus_lambda_times_error():
    with torch.no_grad():
        tiles = two_band_tiles()
        found = losses_on(tiles.image, tiles.split)
    assert found["loss"] == pytest.approx(found["rate_bpppb"] + 0.05 * found["mse_255"])


def test_training_from_random_weights_lowers_the_loss(tmp_path):
    config = make_config(init="random", learning_rate=3e-3, steps=30, validate_every=10)
    fit(two_band_tiles(), config, 0.05, 0, tmp_path / "run", tmp_path / "weights")
    lines = [json.loads(x) for x in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["validation"]["loss"] < 0.9 * lines[0]["validation"]["loss"]


def test_small_tiles_and_a_constant_band_can_be_coded(tmp_path):
    image = smooth_counts(3, 2, 32)
    image[:, 1] = 777
    tiles = make_tiles(image, ["train", "train", "validation"])
    fit(tiles, make_config(crop=32), 0.05, 0, tmp_path / "run", tmp_path / "weights")
    codec = LearnedCodec.load(tmp_path / "weights")
    decoded = codec.decode(codec.encode(image[2], 0).payload, b"", image[2].shape)
    assert np.abs(decoded[1].astype(int) - 777).max() <= 2


def test_an_interrupted_fit_writes_the_same_bytes(tmp_path, monkeypatch):
    config = make_config(steps=4, validate_every=2, checkpoint_seconds=0)
    fit(two_band_tiles(), config, 0.05, 0, tmp_path / "whole", tmp_path / "a")
    losses = CodecTask.training_losses
    calls = iter(range(4))

    def killed_at_the_third_step(task, batch):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return losses(task, batch)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(CodecTask, "training_losses", killed_at_the_third_step)
        fit(two_band_tiles(), config, 0.05, 0, tmp_path / "cut", tmp_path / "b")
    assert not (tmp_path / "b").exists()
    fit(two_band_tiles(), config, 0.05, 0, tmp_path / "cut", tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    lines = (tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]


@pytest.mark.parametrize(
    ("splits", "changes", "message"),
    [
        (["train", "test"], {}, "no validation tiles"),
        (["validation", "test"], {}, "no train tiles"),
        (["train", "validation"], {"crop": 128}, "Lower training.crop"),
        (["train", "validation"], {"latents": 513}, "Lower latents"),
    ],
)
def test_invalid_training_data_or_options_are_refused(tmp_path, splits, changes, message):
    tiles = make_tiles(smooth_counts(2, 2, 64), splits)
    with pytest.raises(DownlinkError, match=message):
        fit(tiles, make_config(**changes), 0.05, 0, tmp_path / "run", tmp_path / "weights")
