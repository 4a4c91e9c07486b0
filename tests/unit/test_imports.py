"""Jobs import only what they use; packages that load slowly are forbidden by name."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEVER = {"torch", "xarray", "dask.array", "skimage", "sklearn", "torchmetrics", "IPython"}
"""Packages that no script may import before it has parsed its arguments."""
ARRAYS = NEVER | {"pandas", "scipy", "matplotlib"}
TEXTS = ARRAYS | {"numpy", "zarr", "rasterio", "pyarrow"}
FORBIDDEN = {
    "audit": NEVER | {"zarr", "rasterio", "scipy", "matplotlib"},
    "choose_salt": ARRAYS | {"rasterio", "pyarrow"},
    "collect_metrics": NEVER | {"zarr", "rasterio", "scipy", "matplotlib"},
    "compare_results": NEVER | {"rasterio", "scipy", "matplotlib"},
    "decode_scene": ARRAYS | {"rasterio", "pyarrow"},
    "describe_artifact": TEXTS,
    "draw_curves": NEVER | {"zarr", "rasterio"},
    "encode_scene": ARRAYS | {"rasterio"},
    "export_crate": TEXTS,
    "export_schema": TEXTS,
    "fetch_archive": TEXTS,
    "finetune": ARRAYS | {"rasterio", "pyarrow"},
    "fit_codec": ARRAYS | {"rasterio", "pyarrow"},
    "fit_threshold_baseline": ARRAYS | {"rasterio"},
    "gather_scenes": TEXTS | {"pydantic"},
    "judge_study": NEVER | {"zarr", "rasterio", "matplotlib"},
    "list_codecs": TEXTS,
    "prepare_scene": ARRAYS | {"zarr", "pyarrow"},
    "reproduce": NEVER | {"rasterio", "scipy", "matplotlib"},
    "score_segmenter": ARRAYS | {"rasterio"},
    "show_results": NEVER | {"zarr", "rasterio", "scipy", "matplotlib"},
    "tile_scene": ARRAYS | {"pyarrow"},
    "train_segmenter": ARRAYS | {"rasterio", "pyarrow"},
    "write_report": NEVER,
}

HELP = """
import contextlib, io, runpy, sys
for script in sys.argv[:]:
    sys.argv = [script, "--help"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        runpy.run_path(script, run_name="__main__")
    print(script, *sys.modules)
"""
WRITE_ROWS = """
from pathlib import Path
from workflow_lib.measure.rows import Key, join, pooled_rows, write
write(join([pooled_rows(Key("d", seed=1), {"iou": 0.5, "f1": float("nan")})]), Path("rows"))
"""
TRAIN = """
from pathlib import Path
import numpy as np
from workflow_lib import torchinit
torchinit.prepare(1)
from workflow_lib.config.schedule import TrainingSchedule
from workflow_lib.segmentation.train import train_segmenter
from workflow_lib.segmentation.unet import UNet
from workflow_lib.training.loop import train
import torch

class Task:
    model = UNet("mobilenet_v2", 3, (8, 8, 8), 2)
    def parameter_groups(self): return [{"params": list(self.model.parameters())}]
    def batch(self, generator): return torch.rand(2, 2, 16, 16, generator=generator)
    def training_losses(self, batch): return {"loss": self.model(batch).square().mean()}
    def validation_losses(self): return {"loss": 0.0}

train(Task(), TrainingSchedule(steps=1, batch=2, crop=16, learning_rate=1e-3), 0, Path("run"))
"""


def imported(code, folder):
    """Return the modules that are loaded after `code` ran in a new process."""
    return set(run(f"{code}\nimport sys\nprint(*sys.modules, sep='\\n')", folder))


def run(code, folder, *arguments):
    """Return the lines that `code` prints in a new process."""
    code = f"import sys\nsys.argv = {list(arguments)}\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def chains():
    """Group scripts that can share a process: none forbids what one before it allows."""
    found = []
    for script in sorted(FORBIDDEN, key=lambda script: -len(FORBIDDEN[script])):
        for chain in found:
            if FORBIDDEN[script] <= FORBIDDEN[chain[-1]]:
                chain.append(script)
                break
        else:
            found.append([script])
    return found


def test_every_script_has_a_list_of_forbidden_modules():
    assert FORBIDDEN.keys() == {file.stem for file in (ROOT / "scripts").glob("*.py")}


@pytest.mark.parametrize("chain", chains(), ids=lambda chain: chain[0])
def test_scripts_import_no_forbidden_module(chain, tmp_path):
    files = [str(ROOT / "scripts" / f"{script}.py") for script in chain]
    lines = [line.split() for line in run(HELP, tmp_path, *files)]
    assert [file for file, *_ in lines] == files
    for script, (_, *loaded) in zip(chain, lines, strict=True):
        assert "argparse" in loaded
        assert not FORBIDDEN[script] & set(loaded), script


def test_rows_are_written_without_pandas(tmp_path):
    loaded = imported(WRITE_ROWS, tmp_path)
    assert "pyarrow" in loaded
    assert not loaded & {"pandas", "pyarrow.dataset"}


def test_a_segmenter_is_trained_without_compiler_timm_and_data_sets(tmp_path):
    loaded = imported(TRAIN, tmp_path)
    assert "torch" in loaded
    assert not loaded & {
        *("torch._dynamo", "torch._inductor", "sympy", "timm", "huggingface_hub"),
        *("torchvision.datasets", "torchvision.ops.boxes", "compressai.datasets", "pandas"),
    }
