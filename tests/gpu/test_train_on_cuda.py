"""Trainings on a GPU resume to the same bits, use bf16, and give weights that a CPU can use."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from learned_examples import make_config, make_tiles, smooth_counts, two_band_tiles

from workflow_lib import torchinit
from workflow_lib.codecs.learned.codec import LearnedCodec
from workflow_lib.codecs.learned.fit import CodecTask, fit
from workflow_lib.config.finetuning import Finetuning
from workflow_lib.config.schedule import TrainingSchedule
from workflow_lib.config.segmenters import Segmenter
from workflow_lib.segmentation.choice import Finetuned
from workflow_lib.segmentation.control import finetune_apart
from workflow_lib.segmentation.finetuning_setting import Setting
from workflow_lib.segmentation.joint_tuning import finetune_jointly
from workflow_lib.segmentation.labelled_crops import Crops
from workflow_lib.segmentation.predict import predict
from workflow_lib.segmentation.train import SegmentationTask, train_segmenter
from workflow_lib.training.checkpoints import restored
from workflow_lib.training.loading import Draws, loaded

pytestmark = pytest.mark.gpu
CUDA = torch.device("cuda")
KINDS = ["dgml", "checkerboard", "hyperprior"]
LAM = 0.05


def segmenter(encoder):
    plan = TrainingSchedule(
        steps=6, batch=4, crop=32, learning_rate=1e-3, validate_every=3, checkpoint_seconds=0
    )
    return Segmenter(encoder=encoder, depth=4, decoder_channels=(16, 8, 8, 8), training=plan)


def labelled_tiles():
    """Generate tiles whose second band shows the labelled squares."""
    rng = np.random.default_rng(0)
    image, label = smooth_counts(12, 2, 64), np.zeros((12, 64, 64), np.uint8)
    for tile, (y, x) in enumerate(rng.integers(0, 44, (12, 2))):
        label[tile, y : y + 20, x : x + 20] = 1
    image[:, 1] += 300 * label
    return replace(make_tiles(image, ["train", "train", "validation"] * 4), label=label)


def killed_at(monkeypatch, task, step):
    """Interrupt the task's trainings after a number of steps, once per process."""
    losses, begun = task.training_losses, []

    def killed(self, batch):
        begun.append(batch)
        if len(begun) == step:
            raise KeyboardInterrupt
        return losses(self, batch)

    monkeypatch.setattr(task, "training_losses", killed)


def test_a_gpu_is_chosen_if_there_is_one():
    assert torchinit.device("auto").type == "cuda"
    assert torchinit.device("cuda").type == "cuda"
    assert torchinit.device("cpu").type == "cpu"


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_fit_ends_with_the_same_bits(kind, tmp_path, monkeypatch):
    config = make_config(kind, steps=8, validate_every=2, checkpoint_seconds=0)
    fit(two_band_tiles(), config, LAM, 0, tmp_path / "whole", tmp_path / "a", CUDA)
    killed_at(monkeypatch, CodecTask, 6)
    with pytest.raises(KeyboardInterrupt):
        fit(two_band_tiles(), config, LAM, 0, tmp_path / "cut", tmp_path / "b", CUDA)
    fit(two_band_tiles(), config, LAM, 0, tmp_path / "cut", tmp_path / "b", CUDA)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("encoder", ["mobilenet_v2", "resnet34"])
def test_an_interrupted_segmenter_ends_with_the_same_bits(encoder, tmp_path, monkeypatch):
    tiles, config = labelled_tiles(), segmenter(encoder)
    train_segmenter(tiles, config, 0, tmp_path / "whole", tmp_path / "a", CUDA)
    killed_at(monkeypatch, SegmentationTask, 4)
    with pytest.raises(KeyboardInterrupt):
        train_segmenter(tiles, config, 0, tmp_path / "cut", tmp_path / "b", CUDA)
    train_segmenter(tiles, config, 0, tmp_path / "cut", tmp_path / "b", CUDA)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_training_started_on_a_gpu_resumes_on_a_cpu(tmp_path, monkeypatch):
    tiles, config = labelled_tiles(), segmenter("mobilenet_v2")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        killed_at(patched, SegmentationTask, 4)
        train_segmenter(tiles, config, 0, tmp_path / "run", tmp_path / "a", CUDA)
    packed = torch.load(tmp_path / "run" / "checkpoint.pt", map_location="cpu", weights_only=True)
    found = restored(tmp_path / "run", packed["fingerprint"])
    assert found is not None
    assert all(not t.is_cuda for t in found["model"].values())
    train_segmenter(tiles, config, 0, tmp_path / "run", tmp_path / "a")
    probability, _ = predict(tmp_path / "a", tiles.image)
    assert np.isfinite(probability).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_codec_trained_on_a_gpu_codes_and_decodes_on_a_cpu(kind, tmp_path):
    config = make_config(kind, steps=8, validate_every=4)
    fit(two_band_tiles(), config, LAM, 0, tmp_path / "run", tmp_path / "w", CUDA)
    here, there = LearnedCodec.load(tmp_path / "w"), LearnedCodec.load(tmp_path / "w", "cuda")
    assert here.model_digest == there.model_digest
    images = list(smooth_counts(5, 2, 64, seed=1))
    for writer, reader in ((here, there), (there, here), (here, here)):
        payloads = [each.payload for each in writer.encode_batch(images, [None] * 5)]
        with torch.inference_mode():
            written, _ = writer.latents(images)
            read = reader.decode_latents(payloads, (4, 4))
        assert torch.equal(read.cpu(), written.cpu())


def test_a_codec_built_on_a_gpu_codes_there(tmp_path):
    """Build the codec on the GPU, as validation does during a training."""
    fit(two_band_tiles(), make_config(steps=4), LAM, 0, tmp_path / "r", tmp_path / "w", CUDA)
    codec = LearnedCodec(LearnedCodec.load(tmp_path / "w", "cuda").model)
    image = smooth_counts(1, 2, 64, seed=1)[0]
    decoded = codec.decode(codec.encode(image).payload, b"", image.shape)
    assert np.abs(decoded.astype(int) - image).mean() < 200


@pytest.mark.parametrize("arm", [finetune_jointly, finetune_apart])
def test_fine_tuning_on_a_gpu_repeats_bit_for_bit(arm, tmp_path):
    tiles, config, network = labelled_tiles(), make_config(steps=4), segmenter("mobilenet_v2")
    fit(tiles, config, LAM, 0, tmp_path / "c", tmp_path / "codec", CUDA)
    train_segmenter(tiles, network, 0, tmp_path / "s", tmp_path / "segmenter", CUDA)
    plan = TrainingSchedule(steps=3, batch=2, crop=64, learning_rate=1e-4, validate_every=1)
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        setting = Setting(
            tiles=tiles,
            codec=config,
            codec_weights=tmp_path / "codec",
            segmenter=network,
            segmenter_weights=tmp_path / "segmenter",
            finetuning=Finetuning(gammas=(1.0,), codec_learning_rate=1e-4, training=plan),
            lam=LAM,
            seed=0,
            run=folder / "run",
            device=CUDA,
        )
        target = Finetuned(folder / "codec", folder / "segmenter", folder / "choice.json")
        arm(setting, target)
        found.append([f.read_bytes() for f in (target.codec, target.segmenter, target.choice)])
    assert found[0] == found[1]
    assert np.isfinite(json.loads(found[0][2])["configurations"][0]["validation"]["loss"])


def test_training_passes_are_in_bf16_and_validation_is_not(tmp_path, monkeypatch):
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        pytest.skip("a GPU without units for bf16")
    seen = {True: set(), False: set()}
    conv = torch.nn.Conv2d.forward

    def noted(self, x):
        output = conv(self, x)
        if output.is_cuda:
            seen[self.training].add(output.dtype)
        return output

    monkeypatch.setattr(torch.nn.Conv2d, "forward", noted)
    tiles = labelled_tiles()
    train_segmenter(tiles, segmenter("mobilenet_v2"), 0, tmp_path / "s", tmp_path / "a", CUDA)
    assert seen == {True: {torch.bfloat16}, False: {torch.float32}}


def test_pinned_memory_does_not_change_batches():
    tiles = labelled_tiles()
    crops = Crops(tiles, batch=4, side=32)
    draws = Draws(crops.draw, lambda step: torch.Generator().manual_seed(step))
    for step, batch in zip(range(6), loaded(draws, range(6), CUDA), strict=True):
        image, label = draws[step]
        assert batch.image.is_cuda
        assert batch.image.dtype == torch.uint16
        assert torch.equal(batch.image.cpu(), image)
        assert torch.equal(batch.label.cpu(), label)
