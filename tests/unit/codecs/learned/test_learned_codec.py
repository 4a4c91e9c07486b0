import subprocess
import sys

import numpy as np
import pytest
from learned_examples import make_config, smooth_counts, two_band_tiles

from workflow_lib.codecs.learned.codec import LearnedCodec
from workflow_lib.codecs.learned.fit import fit
from workflow_lib.errors import BitstreamError, DownlinkError

LAM = 0.05


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("learned")
    path = folder / "weights.safetensors"
    fit(two_band_tiles(), make_config(), LAM, folder / "run", path)
    return path


@pytest.fixture(scope="module")
def codec(weights):
    return LearnedCodec.load(weights)


@pytest.mark.parametrize("shape", [(64, 128), (16, 16), (33, 70), (5, 200)])
def test_images_of_any_size_come_back_close(codec, shape):
    image = smooth_counts(1, 2, 200, seed=1)[0, :, : shape[0], : shape[1]]
    payload = codec.encode(image, 0).payload
    decoded = codec.decode(payload, b"", image.shape)
    assert decoded.shape == image.shape
    assert decoded.dtype == np.uint16
    error = decoded.astype(float) - image
    assert np.sqrt((error**2).mean()) < 0.7 * image.std()
    assert len(payload) < image.nbytes / 4 + 64


def test_another_process_decodes_the_same_counts(codec, weights, tmp_path):
    image = smooth_counts(1, 2, 192, seed=2)[0]
    payload = codec.encode(image, 0).payload
    (tmp_path / "payload").write_bytes(payload)
    np.save(tmp_path / "here.npy", codec.decode(payload, b"", image.shape))
    script = """if True:
        import sys
        from pathlib import Path
        import numpy as np
        from workflow_lib.torchinit import prepare
        prepare(1)
        from workflow_lib.codecs.learned.codec import LearnedCodec
        folder = Path(sys.argv[1])
        here = np.load(folder / "here.npy")
        codec = LearnedCodec.load(Path(sys.argv[2]))
        there = codec.decode((folder / "payload").read_bytes(), b"", here.shape)
        assert np.array_equal(here, there)
    """
    subprocess.run([sys.executable, "-c", script, str(tmp_path), str(weights)], check=True)


def test_dark_images_decode_without_nodata(codec):
    image = np.ones((2, 64, 64), np.uint16)
    assert codec.decode(codec.encode(image, 0).payload, b"", image.shape).min() >= 1


def test_outliers_far_outside_the_training_data_survive(codec):
    image = smooth_counts(1, 2, 64, seed=3)[0]
    image[:, 20:40, 20:40] = 65535
    decoded = codec.decode(codec.encode(image, 0).payload, b"", image.shape)
    assert decoded[:, 25:35, 25:35].mean() > 40000


def test_other_band_numbers_and_short_payloads_are_refused(codec):
    payload = codec.encode(smooth_counts(1, 2, 64)[0], 0).payload
    with pytest.raises(BitstreamError, match="2 bands"):
        codec.decode(payload, b"", (3, 64, 64))
    for short in (b"", payload[:3], payload[:6]):
        with pytest.raises(BitstreamError, match="truncated"):
            codec.decode(short, b"", (2, 64, 64))


def test_equal_fits_write_equal_bytes(weights, codec, tmp_path):
    again = tmp_path / "weights.safetensors"
    fit(two_band_tiles(), make_config(), LAM, tmp_path / "run", again)
    assert again.read_bytes() == weights.read_bytes()
    image = smooth_counts(1, 2, 64, seed=4)[0]
    assert codec.encode(image, 0) == LearnedCodec.load(again).encode(image, 0)


def test_a_larger_lambda_spends_more_bytes_for_less_error(codec, tmp_path):
    path = tmp_path / "weights.safetensors"
    fit(two_band_tiles(), make_config(), 20 * LAM, tmp_path / "run", path)
    image = smooth_counts(1, 2, 128, seed=5)[0]
    sizes, errors = [], []
    for one in (codec, LearnedCodec.load(path)):
        payload = one.encode(image, 0).payload
        sizes.append(len(payload))
        errors.append(np.abs(one.decode(payload, b"", image.shape).astype(float) - image).mean())
    assert sizes[1] > 1.3 * sizes[0]
    assert errors[1] < errors[0]


def test_damaged_weights_are_named(weights, tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(DownlinkError, match=r"broken\.safetensors"):
        LearnedCodec.load(path)
