"""Choice of the device, and the error on a machine that cannot load torch."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from workflow_lib import devices, notes, torchinit
from workflow_lib.codecs.kinds.dgml import Dgml
from workflow_lib.config.finetuning import Finetuning
from workflow_lib.config.schedule import TrainingSchedule
from workflow_lib.config.segmenters import Segmenter
from workflow_lib.config.study import Study
from workflow_lib.data.store import Variable, write_store
from workflow_lib.errors import DownlinkError

ROOT = Path(__file__).parents[2]
PLAN = TrainingSchedule(steps=1, batch=2, crop=16, learning_rate=1e-3)
CODEC = Dgml(kind="dgml", channels=8, latents=24, training=PLAN).canonical()
SEGMENTER = Segmenter(encoder="mobilenet_v2", training=PLAN).canonical()
FINETUNING = Finetuning(gammas=(1.0,), codec_learning_rate=1e-4, training=PLAN).canonical()
NEEDED = {
    "fit_codec": f"--tiles t --held-out 0 --codec {CODEC} --rate 1 --seed 0 --run r --weights w",
    "train_segmenter": f"--tiles t --held-out 0 --segmenter {SEGMENTER} --seed 0 --run r"
    " --weights w",
    "finetune": f"--regime joint --tiles t --held-out 0 --codec {CODEC} --codec-weights c"
    f" --segmenter {SEGMENTER} --segmenter-weights s --finetuning {FINETUNING} --rate 1 --seed 0"
    " --run r --codec-target a --segmenter-target b --choice-target c",
    "encode_scene": f"--tiles t --name n --codec {CODEC} --rate 1 --weights w --held-out 0"
    " --bitstream b --reconstruction r --distortion d",
    "decode_scene": f"--bitstream b --tiles t --codec {CODEC} --weights w --reconstruction r",
    "score_segmenter": "--tiles t --held-out 0 --weights w --regime frozen --segmenter n --seed 0"
    " --scores s --predictions p",
}


@pytest.mark.parametrize("seen", [False, True])
def test_auto_takes_a_gpu_if_one_is_available_and_allowed(monkeypatch, seen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: seen)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "made up")
    monkeypatch.setattr(notes, "noted", notes.Notes())
    assert torchinit.device("auto").type == ("cuda" if seen else "cpu")
    assert notes.attempts()[-1]["gpu"] == ("made up" if seen else None)
    assert torchinit.device("cpu").type == "cpu"


def test_a_requested_but_missing_gpu_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DownlinkError, match=r"device: cuda.*set device .*to auto or cpu"):
        torchinit.device("cuda")


def test_the_log_names_the_device(caplog):
    with caplog.at_level("INFO"):
        torchinit.device("cpu")
    assert "device: cpu" in caplog.text


def test_study_and_scripts_accept_the_same_devices():
    assert Study.model_fields["device"].annotation == devices.Device
    assert Study.model_fields["device"].default == "auto"


EACH = """
import json, runpy, sys
for script, *options in json.loads(sys.argv[1]):
    sys.argv = [script, *options]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        print(end.code)
"""


def run(broken, scripts):
    """Run scripts with their options in one process; it prints what each exits with."""
    commands = [[f"{ROOT}/scripts/{name}.py", *given.split(" ")] for name, given in scripts.items()]
    return subprocess.run(
        [sys.executable, "-c", EACH, json.dumps(commands)],
        env={**os.environ, "PYTHONPATH": f"{broken}{os.pathsep}{ROOT}"},
        cwd=broken,
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.fixture
def broken(tmp_path, make_tiles):
    """Make a folder with a tile store and a torch that fails like one without its libraries."""
    tiles = make_tiles(grid=2)
    variables = {
        "image": Variable(("tile", "band", "y", "x"), tiles.image),
        "label": Variable(("tile", "y", "x"), tiles.label),
    }
    for name in ("row", "col", "block", "fold", "validation"):
        variables[name] = Variable(("tile",), getattr(tiles, name))
    attributes = {"scene": "scene", "info": tiles.info.canonical()}
    write_store(variables, attributes, tmp_path / "t", per_shard=4)
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").write_text("raise OSError('libcudart.so.12: cannot open\\nit')\n")
    return tmp_path


def test_the_error_for_unloadable_torch_names_the_remedy(broken):
    done = run(broken, NEEDED)
    for script, line in zip(NEEDED, done.stdout.splitlines(), strict=True):
        assert line.startswith("error: "), script
        for part in (socket.gethostname(), "libcudart.so.12", "bash envs/install.sh"):
            assert part in line, script


def test_classical_codecs_work_without_torch(broken):
    options = '--bitstream b --tiles t --codec {"kind":"jpeg2000"} --reconstruction r'
    done = run(broken, {"decode_scene": options})
    assert "error: b: no such file" in done.stdout
