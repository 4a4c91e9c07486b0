"""The lock says what every rule's code can reach, and no more."""

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


def test_torch_is_reached_by_networks_alone():
    assert {script for script in RULES if "torch" in reach(script)} == TRAINED
    of_codecs = {kind for kind in kinds() if "torch" in reach("encode_scene", module_of(kind))}
    assert of_codecs == {kind for kind in kinds() if options_of(kind).learned}


def test_what_pandas_takes_by_name_is_reached():
    tables = {
        "encode_scene",
        "fit_threshold_baseline",
        "score_segmenter",
        "collect_metrics",
        "judge_study",
    }
    assert {script for script in RULES if "pyarrow" in reach(script)} == {*tables, "write_report"}


def test_what_draws_is_reached_by_the_report_alone():
    assert {script for script in RULES if "matplotlib" in reach(script)} == {"write_report"}


def test_what_a_package_needs_is_reached_with_it():
    assert "timm" in reach("train_segmenter")
    assert "timm" not in reach("fit_codec")
    assert "pydantic-core" in reach("judge_study")
    assert not {"ruff", "pytest", "mypy"} & set().union(*map(reach, RULES))


def test_versions_are_those_of_the_lock():
    pinned = (ROOT / "envs/requirements.lock").read_text().splitlines()
    pins = {line.split(" ; ")[0] for line in pinned}
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


def test_needs_of_other_platforms_are_not_reached():
    needs = reach("fit_codec")
    assert "torch" in needs
    assert not [name for name in needs if name.startswith("nvidia") or name == "triton"]


def test_a_module_without_a_package_is_named():
    assert lock.package_of("PIL.Image") == "pillow"
    assert lock.package_of("json") is None
    with pytest.raises(DownlinkError, match=r"import plotly.*make lock"):
        lock.package_of("plotly.graph_objects")


@pytest.mark.parametrize("script", ["encode_scene", "collect_metrics", "write_report"])
def test_the_project_s_modules_that_a_script_loads_are_those_found_by_reading_it(script):
    """What the digest covers, against what Python says after an import."""
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
