"""The locked packages of a rule are exactly those that its code can reach."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from workflow_lib.codecs.registry import kinds, module_of, options_of
from workflow_lib.errors import DownlinkError
from workflow_lib.provenance import lock
from workflow_lib.provenance.digests import affects_results, reached_files, reached_packages

ROOT = Path(__file__).parents[3]
RULES = [
    "fetch_archive",
    "prepare_scene",
    "tile_scene",
    "gather_scenes",
    "fit_codec",
    "encode_scene",
    "fit_threshold_baseline",
    "train_segmenter",
    "finetune",
    "score_segmenter",
    "collect_metrics",
    "judge_study",
    "write_report",
]
TRAINED = {"fit_codec", "train_segmenter", "finetune", "score_segmenter"}


def reach(script, *modules):
    files = [f"scripts/{script}.py", *(f"{name.replace('.', '/')}.py" for name in modules)]
    return reached_packages(reached_files(*files))


def test_only_jobs_with_networks_reach_torch():
    assert {script for script in RULES if "torch" in reach(script)} == TRAINED
    of_codecs = {kind for kind in kinds() if "torch" in reach("encode_scene", module_of(kind))}
    assert of_codecs == {kind for kind in kinds() if options_of(kind).learned}


def test_packages_that_pandas_loads_by_name_are_reached():
    tables = {
        "encode_scene",
        "fit_threshold_baseline",
        "score_segmenter",
        "collect_metrics",
        "judge_study",
    }
    assert {script for script in RULES if "pyarrow" in reach(script)} == {*tables, "write_report"}


def test_only_the_report_reaches_matplotlib():
    assert {script for script in RULES if "matplotlib" in reach(script)} == {"write_report"}


def test_requirements_of_a_package_are_reached():
    assert "timm" in reach("train_segmenter")
    assert "timm" not in reach("fit_codec")
    assert "pydantic-core" in reach("judge_study")
    assert not {"ruff", "pytest", "mypy"} & set().union(*map(reach, RULES))


def test_versions_come_from_the_lock():
    pinned = (ROOT / "envs/requirements.lock").read_text().splitlines()
    pins = {line.split()[0] for line in pinned if "==" in line}
    for name, version in reach("write_report").items():
        assert f"{name}=={version}" in pins


def test_pins_whose_marker_does_not_match_are_left_out(tmp_path):
    file = tmp_path / "requirements.lock"
    file.write_text(
        "a==1.0 ; python_full_version >= '3.11'\n    # via b\n"
        "b==2.0\n"
        "c==3.0 ; sys_platform == 'never'\n    # via b\n"
        "d==4.0 ; python_full_version < '3.0'\n"
        "d==5.0 ; python_full_version >= '3.0'\n"
    )
    assert lock.read_lock(file) == {"a": "1.0", "b": "2.0", "d": "5.0"}


def test_hashes_change_neither_pins_nor_markers(tmp_path):
    file = tmp_path / "requirements.lock"
    file.write_text(
        f"a==1.0 ; python_full_version >= '3.11' \\\n    --hash=sha256:{'0' * 64}\n    # via b\n"
        f"b==2.0 \\\n    --hash=sha256:{'1' * 64} \\\n    --hash=sha256:{'2' * 64}\n"
        f"c==3.0 ; sys_platform == 'never' \\\n    --hash=sha256:{'3' * 64}\n"
    )
    assert lock.read_lock(file) == {"a": "1.0", "b": "2.0"}


@pytest.mark.parametrize("name", ["requirements.lock", "torch-cpu.lock", "torch-cuda.lock"])
def test_each_pin_of_a_lock_has_hashes(name):
    text = (ROOT / "envs" / name).read_text()
    pins = re.findall(r"^\S+==\S+", text, re.MULTILINE)
    hashed = re.findall(
        r"^(\S+==\S+)(?: ; .+)? \\\n    --hash=sha256:[0-9a-f]{64}\b", text, re.MULTILINE
    )
    assert pins
    assert pins == hashed


def test_builds_of_torch_have_one_version():
    (cpu,) = lock.read_lock(ROOT / "envs/torch-cpu.lock").values()
    assert cpu == f"{lock.read_lock()['torch']}+cpu"


def test_requirements_for_other_platforms_are_not_reached():
    needs = reach("fit_codec")
    assert "torch" in needs
    assert not [name for name in needs if name.startswith("nvidia") or name == "triton"]


def test_the_error_names_a_module_without_a_package():
    assert lock.package_of("PIL.Image") == "pillow"
    assert lock.package_of("json") is None
    with pytest.raises(DownlinkError, match=r"import plotly.*make lock"):
        lock.package_of("plotly.graph_objects")


@pytest.mark.parametrize("script", ["encode_scene", "collect_metrics", "write_report"])
def test_modules_found_in_the_source_are_those_that_a_script_loads(script):
    """Compare the modules of the digest with those that Python has loaded after an import."""
    asked = f"""
import runpy, sys
sys.argv = ["{script}", "--help"]
try:
    runpy.run_path("scripts/{script}.py", run_name="__main__")
except SystemExit:
    pass
print(*sorted(m.__file__ for m in sys.modules.values() if "workflow_lib" in m.__name__))
"""
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {
        Path(name).resolve().relative_to(ROOT).as_posix()
        for name in done.stdout.splitlines()[-1].split()
    }
    counted = {file for file in loaded if affects_results(file)}
    assert counted <= set(reached_files(f"scripts/{script}.py"))
