"""The public API, as a notebook uses it after `import workflow_lib as downlink`."""

import ast
import json
import pickle
import subprocess
import sys
import tomllib
import zlib
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement

import workflow_lib as downlink
from workflow_lib import torchinit
from workflow_lib.codecs import registry
from workflow_lib.codecs.framing import pack, unpack
from workflow_lib.provenance.digests import reached_files
from workflow_lib.provenance.lock import normalised, read_lock

ROOT = Path(__file__).parents[2]
CLASSICAL = [kind for kind in downlink.kinds() if not registry.options_of(kind).learned]
LOSSLESS = [kind for kind in CLASSICAL if registry.options_of(kind).lossless]


@pytest.fixture(scope="module")
def image():
    """Generate three correlated bands of odd size; some pixels lack one band, some all bands."""
    rng = np.random.default_rng(0)
    texture = rng.normal(size=(6, 5)).repeat(12, axis=0).repeat(13, axis=1)
    gains = np.array([0.8, 1.0, 1.3])[:, None, None]
    counts = np.rint(gains * (3000 + 400 * texture) + rng.normal(0, 20, (3, 72, 65)))
    image = counts.astype(np.uint16)
    image[:, :9, :11] = 0
    image[1, 40, 40:50] = 0
    return image


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Write the weights of a small untrained codec for three bands."""
    file = tmp_path_factory.mktemp("weights") / "codec.safetensors"
    with torchinit.determinism(1):
        from workflow_lib.codecs.learned.codec import LearnedCodec
        from workflow_lib.codecs.learned.context import Context
        from workflow_lib.codecs.learned.model import LearnedModel
        from workflow_lib.codecs.learned.prior import Architecture

        torchinit.seed_weights(0)
        model = LearnedModel(Architecture(3, 8, 24, 2, Context.CHECKERBOARD))
        model.offset.fill_(3000)
        model.gain.fill_(500)
        LearnedCodec(model).save(file, {"lambda": "0.02", "dataset": "generated"})
    return file


def missing_in(image):
    return (image == 0).any(axis=0)


@pytest.mark.parametrize("kind", CLASSICAL)
def test_a_target_rate_is_met_and_missing_pixels_stay_missing(kind, image):
    codec = downlink.open_codec(kind, bands=3)
    coded = codec.encode(image, bpppb=2)
    assert coded.shape == image.shape
    assert coded.bpppb == pytest.approx(2, rel=0.01)
    assert not coded.at_floor
    valid = ~missing_in(image)
    assert coded.bpppb == 8 * len(coded.bytes) / (3 * valid.sum())
    decoded = codec.decode(coded)
    assert (decoded.dtype, decoded.shape) == (np.uint16, image.shape)
    assert (decoded[:, ~valid] == 0).all()
    assert (decoded[:, valid] > 0).all()
    error = decoded[:, valid].astype(float) - image[:, valid]
    assert np.abs(error).mean() < image[:, valid].std()


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_keeps_every_valid_pixel(kind, image):
    codec = downlink.open_codec(kind)
    decoded = codec.decode(codec.encode(image, lossless=True))
    assert (decoded == np.where(missing_in(image), 0, image)).all()


def test_bytes_decode_with_the_shape_in_another_process(image, tmp_path):
    codec = downlink.open_codec("klt-jpeg2000")
    coded = codec.encode(image, bpppb=1)
    decoded = codec.decode(coded)
    assert (codec.decode(coded.bytes, coded.shape) == decoded).all()
    (tmp_path / "coded").write_bytes(pickle.dumps(coded))
    code = f"""
import pickle, sys, numpy, workflow_lib as downlink
coded = pickle.load(open({str(tmp_path / "coded")!r}, "rb"))
numpy.save({str(tmp_path / "decoded.npy")!r}, downlink.open_codec("klt-jpeg2000").decode(coded))
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert (np.load(tmp_path / "decoded.npy") == decoded).all()


def test_a_rate_below_the_floor_is_flagged(image):
    assert downlink.open_codec("klt-jpeg2000").encode(image, bpppb=0.001).at_floor


def test_options_reach_the_codec(image):
    sizes = {
        effort: len(downlink.open_codec("jpegxl", effort=effort).encode(image, lossless=True).bytes)
        for effort in (1, 7)
    }
    assert sizes[7] < sizes[1]


def test_native_fraction_reaches_the_codec(image):
    coarse = downlink.open_codec("jpeg2000-native", native_fraction=[1, 0.25, 0.25])
    plain = downlink.open_codec("jpeg2000-native")
    assert coarse.encode(image, bpppb=1).bytes != plain.encode(image, bpppb=1).bytes
    with pytest.raises(downlink.DownlinkError, match="takes 3 bands, not 2"):
        coarse.encode(image[:2], bpppb=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda image: downlink.open_codec("jpeg3000"),
            "There is no codec 'jpeg3000'.*klt-jpeg2000",
        ),
        (lambda image: downlink.open_codec("dgml"), r"learned codec.*load_codec\(path\)"),
        (lambda image: downlink.open_codec("jpegxl", effort=11), "jpegxl: effort: .* equal to 9"),
        (lambda image: downlink.open_codec("jpegxl", quality=3), "jpegxl: quality: "),
        (lambda image: downlink.open_codec("jpegxl", unit="tile"), "unit: "),
        (
            lambda image: downlink.open_codec("jpeg2000-native", bands=2, native_fraction=[1]),
            "1 values for 2 bands",
        ),
        (
            lambda image: downlink.open_codec("jpeg2000-native", native_fraction=[0]),
            "above 0 and at most 1",
        ),
        (
            lambda image: downlink.open_codec("klt-jpeg2000").encode(image, lossless=True),
            "klt-jpeg2000 has no lossless mode.* jpeg2000, ",
        ),
        (lambda image: downlink.open_codec("jpeg2000").encode(image), "either a rate"),
        (
            lambda image: downlink.open_codec("jpeg2000").encode(image, bpppb=1, lossless=True),
            "either a rate",
        ),
        (lambda image: downlink.open_codec("jpeg2000").encode(image, bpppb=0), "above 0"),
        (
            lambda image: downlink.open_codec("jpeg2000").encode(image, bpppb=float("nan")),
            "above 0",
        ),
        (
            lambda image: downlink.open_codec("jpeg2000").encode(image / 1e4, bpppb=1),
            r"uint16 array \[band, y, x\], not float64",
        ),
        (
            lambda image: downlink.open_codec("jpeg2000").encode(image[0], bpppb=1),
            r"of shape \(72, 65\)",
        ),
        (
            lambda image: downlink.open_codec("jpeg2000", bands=4).encode(image, bpppb=1),
            "takes 4 bands, not 3",
        ),
        (
            lambda image: downlink.open_codec("jpeg2000").encode(image * 0, bpppb=1),
            "no valid pixel",
        ),
        (lambda image: downlink.open_codec("jpeg2000").decode(b""), r"pass shape="),
    ],
)
def test_invalid_calls_raise_an_error_with_the_reason(call, message, image):
    with pytest.raises(downlink.DownlinkError, match=message):
        call(image)


def test_damaged_bytes_raise_a_bitstream_error(image):
    codec = downlink.open_codec("jpeg2000")
    coded = codec.encode(image, bpppb=1)
    side, mask, payload = unpack(coded.bytes, 3)
    bomb = zlib.compress(bytes(10**7))
    wrong = [b"", coded.bytes[:20]]
    wrong += [pack([side, other, payload]) for other in (mask[:-9], b"mask", bomb)]
    for data in wrong:
        with pytest.raises(downlink.BitstreamError):
            codec.decode(data, coded.shape)


def test_a_learned_codec_opens_from_its_weights_file_alone(image, weights):
    codec = downlink.load_codec(weights, device="cpu")
    assert (codec.kind, codec.bands, codec.lossless) == ("checkerboard", 3, False)
    assert codec.metadata["lambda"] == "0.02"
    assert codec.metadata["dataset"] == "generated"
    coded = codec.encode(image)
    decoded = codec.decode(coded)
    assert decoded.shape == image.shape
    assert ((decoded == 0) == missing_in(image)).all()
    for asked in ({"bpppb": 0.5}, {"lossless": True}):
        with pytest.raises(downlink.DownlinkError, match=r"rate follows from λ = 0\.02"):
            codec.encode(image, **asked)
    with pytest.raises(downlink.DownlinkError, match="takes 3 bands, not 2"):
        codec.encode(image[:2])


def test_the_error_for_invalid_weights_names_the_file(tmp_path):
    with pytest.raises(downlink.DownlinkError, match=r"absent\.safetensors"):
        downlink.load_codec(tmp_path / "absent.safetensors")


def test_torch_settings_of_the_caller_are_restored(weights):
    code = f"""
import os, numpy as np, torch, workflow_lib as downlink

def settings():
    return (
        torch.get_num_threads(), torch.get_deterministic_debug_mode(),
        torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32, torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(), torch.get_default_dtype(),
        os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
    )

torch.set_num_threads(3)
torch.backends.cudnn.benchmark = True
torch.backends.cuda.matmul.allow_tf32 = True
torch.manual_seed(5)
drawn = torch.get_rng_state()
before = settings()
codec = downlink.load_codec({str(weights)!r}, device="cpu", threads=1)
assert settings() == before, settings()
coded = codec.encode(np.full((3, 32, 32), 3000, np.uint16))
assert settings() == before, settings()
codec.decode(coded)
assert settings() == before, settings()
try:
    codec.decode(coded.bytes[:8], (3, 32, 32))
except downlink.BitstreamError:
    assert settings() == before, settings()
else:
    raise SystemExit("a bitstream without its payload was decoded")
assert torch.equal(torch.get_rng_state(), drawn)
print(before[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("3", 0), done.stderr


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, workflow_lib; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"numpy", "torch", "pydantic", "workflow_lib.api", "importlib.metadata"}
    assert not heavy & set(done.stdout.split())


def test_no_script_depends_on_the_api_module():
    assert "workflow_lib/api.py" not in reached_files("scripts/encode_scene.py")


def test_the_stub_declares_what_the_package_offers():
    tree = ast.parse((ROOT / "workflow_lib/__init__.pyi").read_text())
    (names,) = (ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign))
    assert sorted(names) == sorted(downlink.__all__)
    for name in names:
        assert getattr(downlink, name)
    with pytest.raises(AttributeError, match="encode"):
        _ = downlink.encode


def test_the_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert downlink.__version__ == project["version"] == str(cited["version"])


def test_the_lock_pins_what_pyproject_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    pins = read_lock()
    for requirement in map(Requirement, declared):
        if requirement.name != project["name"]:
            assert pins[normalised(requirement.name)] in requirement.specifier, requirement


def test_the_notebook_runs(monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    notebook = json.loads((ROOT / "examples/notebook.ipynb").read_text())
    names = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"], "clear the outputs before you commit the notebook"
            exec("".join(cell["source"]), names)
    printed = capsys.readouterr().out
    assert printed.count("klt-jpeg2000") >= 3
    assert "equal: True" in printed
    assert "klt-jpeg2000 has no lossless mode" in printed
    assert len(names["results"]) == 9
    for (_, rate), (bpppb, _, at_floor) in names["results"].items():
        assert at_floor or bpppb <= 1.01 * rate
