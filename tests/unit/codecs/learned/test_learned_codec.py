"""Learned codecs: images of any size, equal latents everywhere, predicted sizes."""

import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from learned_examples import make_config, random_model, smooth_counts, two_band_tiles

from workflow_lib.codecs.learned.codec import LearnedCodec, open_codec
from workflow_lib.codecs.learned.context import Context
from workflow_lib.codecs.learned.fit import fit
from workflow_lib.errors import BitstreamError, DownlinkError
from workflow_lib.training.weights import load_weights, save_weights

pytestmark = pytest.mark.trained

LAM = 0.05


KINDS = ("dgml", "checkerboard", "hyperprior")


def fit_in(folder, kind="dgml", lam=LAM):
    path = folder / "weights.safetensors"
    fit(two_band_tiles(), make_config(kind), lam, 0, folder / "run", path)
    return path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Return the weights of a kind, each trained once."""
    return cache(lambda kind: fit_in(tmp_path_factory.mktemp(kind), kind))


@pytest.fixture(scope="module", params=KINDS)
def weights(request, fitted):
    return fitted(request.param)


@pytest.fixture(scope="module")
def codec(weights):
    return LearnedCodec.load(weights)


@pytest.mark.parametrize("shape", [(64, 128), (16, 16), (33, 70), (5, 200), (1, 1)])
def test_images_of_any_size_decode_close_to_the_original(codec, shape):
    image = smooth_counts(1, 2, 200, seed=1)[0, :, : shape[0], : shape[1]]
    payload = codec.encode(image).payload
    decoded = codec.decode(payload, b"", image.shape)
    assert decoded.shape == image.shape
    assert decoded.dtype == np.uint16
    error = decoded.astype(float) - image
    assert np.sqrt((error**2).mean()) < 450  # the standard deviation of the counts is 500
    assert len(payload) < image.nbytes / 4 + 64


def test_a_small_tile_has_one_position_of_latents_per_patch():
    codec = LearnedCodec(random_model(Context.SERIAL))
    with torch.inference_mode():
        latents, hyper = codec.latents([smooth_counts(1, 2, 32)[0]])
    assert latents.shape == (1, 12, 2, 2)
    assert hyper.shape == (1, 8, 1, 1)


@pytest.mark.parametrize("bands", [1, 7])
@pytest.mark.parametrize("components", [1, 5])
def test_any_number_of_bands_and_components(bands, components):
    codec = LearnedCodec(random_model(Context.SERIAL, components, bands))
    image = smooth_counts(1, bands, 48)[0]
    assert codec.decode(codec.encode(image).payload, b"", image.shape).shape == image.shape


def test_decoding_does_not_depend_on_process_batch_or_threads(fitted, tmp_path):
    images = list(smooth_counts(12, 2, 48, seed=2))
    for kind in KINDS:
        codec = LearnedCodec.load(fitted(kind))
        torch.set_num_threads(2)
        try:
            coded = [(each.payload, b"") for each in codec.encode_batch(images, [None] * 12)]
            here = codec.decode_batch(coded, [image.shape for image in images])
        finally:
            torch.set_num_threads(1)
        folder = tmp_path / kind
        folder.mkdir()
        for number, (payload, _) in enumerate(coded):
            (folder / str(number)).write_bytes(payload)
        np.save(folder / "here.npy", np.stack(here))
    script = """if True:
        import sys
        from pathlib import Path
        import numpy as np
        from workflow_lib.torchinit import prepare
        prepare(1)
        from workflow_lib.codecs.learned.codec import LearnedCodec
        for weights in sys.argv[2:]:
            codec = LearnedCodec.load(Path(weights))
            folder = Path(sys.argv[1], codec.model.sizes.context.value)
            for number, here in enumerate(np.load(folder / "here.npy")):
                there = codec.decode((folder / str(number)).read_bytes(), b"", here.shape)
                assert np.array_equal(here, there), (weights, number)
    """
    weights = [str(fitted(kind)) for kind in KINDS]
    subprocess.run([sys.executable, "-c", script, str(tmp_path), *weights], check=True)


def test_payload_size_agrees_with_the_cross_entropy_of_the_model(codec):
    images = list(smooth_counts(6, 2, 96, seed=6))
    coded = codec.encode_batch(images, [None] * len(images))
    for entropy, each in zip(codec.cross_entropy(images), coded, strict=True):
        assert entropy <= 8 * len(each.payload) <= 1.01 * entropy + 64


def test_images_of_several_sizes_in_one_batch_keep_their_order(codec):
    image = smooth_counts(1, 2, 100)[0]
    images = [image[:, :40], image, image[:, 60:], image[:, :, :17]]
    coded = [(each.payload, b"") for each in codec.encode_batch(images, [None] * 4)]
    decoded = codec.decode_batch(coded, [each.shape for each in images])
    for whole, (payload, _), original in zip(decoded, coded, images, strict=True):
        np.testing.assert_array_equal(whole, codec.decode(payload, b"", original.shape))


def test_dark_images_decode_without_nodata(codec):
    image = np.ones((2, 64, 64), np.uint16)
    assert codec.decode(codec.encode(image).payload, b"", image.shape).min() >= 1


def test_values_far_outside_the_training_data_can_be_coded(codec):
    image = smooth_counts(1, 2, 64, seed=3)[0]
    image[:, 20:40, 20:40] = 65535
    decoded = codec.decode(codec.encode(image).payload, b"", image.shape)
    assert decoded[:, 25:35, 25:35].mean() > 40000


def test_other_band_numbers_and_short_payloads_are_refused(codec):
    payload = codec.encode(smooth_counts(1, 2, 64)[0]).payload
    with pytest.raises(BitstreamError, match="2 bands"):
        codec.decode(payload, b"", (3, 64, 64))
    with pytest.raises(BitstreamError, match="side information"):
        codec.decode(payload, b"x", (2, 64, 64))
    for short in (b"", payload[:3], payload[:-1]):
        with pytest.raises(BitstreamError, match="truncated"):
            codec.decode(short, b"", (2, 64, 64))


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_damaged_payloads_give_an_image_or_one_error(data):
    codec = LearnedCodec(random_model(Context.SERIAL))
    image = smooth_counts(1, 2, 64)[0]
    damaged = bytearray(codec.encode(image).payload)
    for place in data.draw(st.lists(st.integers(0, len(damaged) - 1), min_size=1, max_size=4)):
        damaged[place] ^= data.draw(st.integers(1, 255))
    try:
        decoded = codec.decode(bytes(damaged), b"", image.shape)
    except BitstreamError:
        return
    assert decoded.shape == image.shape
    assert decoded.min() >= 1


def test_equal_fits_write_equal_bytes(fitted, tmp_path):
    assert fit_in(tmp_path).read_bytes() == fitted("dgml").read_bytes()


def test_a_saved_and_loaded_codec_is_equal(codec, tmp_path):
    codec.save(tmp_path / "again", {})
    again = LearnedCodec.load(tmp_path / "again")
    image = smooth_counts(1, 2, 64, seed=4)[0]
    assert again.encode(image) == codec.encode(image)
    assert again.model_digest == codec.model_digest
    assert len(codec.model_digest) == 8


def test_a_loaded_codec_can_be_trained_further(codec):
    # the loaded trained prior rounds to the integers in use
    again = LearnedCodec(codec.model).prior.state()
    for name, tensor in codec.prior.state().items():
        assert torch.equal(again[name], tensor), name


def test_coding_uses_only_the_integer_weights(codec, tmp_path):
    trained = {n: p.clone() for n, p in codec.model.prior.named_parameters()}
    codec.save(tmp_path / "good", {})
    tensors, metadata = load_weights(tmp_path / "good")
    for name in trained:
        tensors[f"trained_prior.{name}"] += 1
    save_weights(tensors, tmp_path / "shifted", metadata)
    shifted = LearnedCodec.load(tmp_path / "shifted")
    image = smooth_counts(1, 2, 64, seed=4)[0]
    assert shifted.encode(image) == codec.encode(image)
    assert shifted.model_digest == codec.model_digest
    for name, parameter in shifted.model.prior.named_parameters():
        assert torch.equal(parameter, trained[name] + 1), name


def test_the_number_of_training_tiles_is_kept(codec, tmp_path):
    assert codec.training_tiles == 4
    assert LearnedCodec(codec.model).training_tiles == 0
    codec.save(tmp_path / "again", {})
    assert LearnedCodec.load(tmp_path / "again").training_tiles == 4


@pytest.mark.parametrize("change", ["missing", "shape", "name"])
def test_a_trained_prior_that_does_not_fit_is_refused(codec, tmp_path, change):
    codec.save(tmp_path / "good", {})
    tensors, metadata = load_weights(tmp_path / "good")
    name = "trained_prior.hyper_synthesis.2.0.weight"
    found = tensors.pop(name)
    if change == "shape":
        tensors[name] = found[:-1]
    elif change == "name":
        tensors[f"{name}.other"] = found
    save_weights(tensors, tmp_path / "bad", metadata)
    with pytest.raises(DownlinkError, match="bad: not the weights of a learned codec"):
        LearnedCodec.load(tmp_path / "bad")


def test_other_weights_have_another_digest():
    model = random_model(Context.NONE)
    before = LearnedCodec(model).model_digest
    with torch.no_grad():
        model.prior.hyper_parameters[0] += 1
    assert LearnedCodec(model).model_digest != before


def test_the_context_is_part_of_the_digest():
    serial, checkered = (LearnedCodec(random_model(c)) for c in list(Context)[:2])
    checkered.model.load_state_dict(serial.model.state_dict(), strict=False)
    assert serial.model_digest != checkered.model_digest


def test_weights_of_another_codec_are_refused(weights, codec):
    kind = codec.model.sizes.context.value
    info = two_band_tiles().info
    assert open_codec(make_config(kind, components=codec.model.sizes.components), info, weights)
    others = [make_config(kind, channels=16), make_config(kind, components=5)]
    others += [make_config(k) for k in ("dgml", "checkerboard", "hyperprior") if k != kind]
    for config in others:
        with pytest.raises(DownlinkError, match="the weights are of"):
            open_codec(config, info, weights)


def test_a_larger_lambda_spends_more_bytes_for_less_error(fitted, tmp_path):
    image = smooth_counts(1, 2, 128, seed=5)[0]
    sizes, errors = [], []
    for path in (fitted("dgml"), fit_in(tmp_path, lam=20 * LAM)):
        codec = LearnedCodec.load(path)
        payload = codec.encode(image).payload
        sizes.append(len(payload))
        errors.append(np.abs(codec.decode(payload, b"", image.shape).astype(float) - image).mean())
    assert sizes[1] > 1.3 * sizes[0]
    assert errors[1] < errors[0]


def test_damaged_weights_raise_an_error_that_names_the_file(weights, tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(DownlinkError, match=r"broken\.safetensors"):
        LearnedCodec.load(path)


def test_weights_with_wrong_sizes_are_refused_before_allocation(codec, tmp_path):
    path = tmp_path / "large.safetensors"
    codec.save(path, {})
    head = path.read_bytes()
    claim = b'\\"channels\\": \\"8\\"'
    assert claim in head
    # one digit more, one space less: the header's length stays
    path.write_bytes(head.replace(claim, b'\\"channels\\":\\"80\\"'))
    with pytest.raises(DownlinkError, match="not have the shape"):
        LearnedCodec.load(path)
