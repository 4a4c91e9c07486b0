"""envs/install.sh installs nothing that its locks do not list by hash."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRONG = "0" * 64
LOCKS = {"requirements": "made-up", "torch-cpu": "built-for-cpu", "torch-cuda": "cuda-needs"}


def wheel(folder, name):
    """Write an empty package's wheel, and return its digest."""
    stem = f"{name.replace('-', '_')}-1.0"
    file = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        info = f"{stem}.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return hashlib.sha256(file.read_bytes()).hexdigest()


class Installation:
    """A project with locks of three made-up packages, and an environment without them."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("envs", "offered", "index", "tools"):
            (folder / name).mkdir()
        shutil.copy(ROOT / "envs/install.sh", folder / "envs")
        (folder / "pyproject.toml").write_text(
            '[project]\nname = "project"\nversion = "1.0"\n[tool.setuptools]\npackages = []\n'
        )
        for lock, package in LOCKS.items():
            self.lock(lock, wheel(folder / "offered", package))
        venv.create(folder / "venv")
        (self._site / "outer.pth").write_text(sysconfig.get_path("purelib"))  # pip, setuptools

    @property
    def _site(self):
        (site,) = (self.folder / "venv").glob("lib/python*/site-packages")
        return site

    def lock(self, name, digest):
        pin = f"{LOCKS[name]}==1.0 \\\n    --hash=sha256:{digest}\n"
        (self.folder / "envs" / f"{name}.lock").write_text(pin)

    def without_uv(self):
        tool = self.folder / "tools/uv"
        tool.write_text("#!/bin/sh\nexit 1\n")
        tool.chmod(0o755)

    def run(self):
        own = {
            name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "UV_"))
        }
        own.pop("PYTHONPATH", None)
        # what pip is told of the places of packages holds for uv too
        own |= {
            "PATH": f"{self.folder / 'tools'}:{Path(sys.executable).parent}:{own['PATH']}",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": (self.folder / "index").as_uri(),
            "PIP_FIND_LINKS": str(self.folder / "offered"),
            "UV_CACHE_DIR": str(self.folder / "cache"),
        }
        command = ["bash", "envs/install.sh", "venv/bin/python"]
        return subprocess.run(command, cwd=self.folder, env=own, capture_output=True, text=True)

    @property
    def installed(self):
        names = {
            path.name.split("-")[0].replace("_", "-") for path in self._site.glob("*.dist-info")
        }
        return names - {"project"}


@pytest.fixture
def installation(tmp_path):
    return Installation(tmp_path)


@pytest.fixture(params=["uv", "pip"])
def by_either_tool(request, installation):
    if request.param == "pip":
        installation.without_uv()
    return installation


def test_the_cpu_build_is_taken_where_it_is_offered(by_either_tool):
    done = by_either_tool.run()
    assert done.returncode == 0, done.stderr
    assert by_either_tool.installed == {"made-up", "built-for-cpu"}


def test_what_cuda_needs_comes_with_the_other_build(installation):
    (installation.folder / "offered/built_for_cpu-1.0-py3-none-any.whl").unlink()
    done = installation.run()
    assert done.returncode == 0, done.stderr
    assert installation.installed == {"made-up", "cuda-needs"}


def test_a_file_with_another_hash_is_refused(by_either_tool):
    by_either_tool.lock("requirements", WRONG)
    done = by_either_tool.run()
    assert done.returncode != 0
    assert WRONG in done.stderr
    assert "made-up" not in by_either_tool.installed


def test_a_cpu_build_with_another_hash_is_refused(installation):
    installation.lock("torch-cpu", WRONG)
    done = installation.run()
    assert "torch-cpu.lock" in done.stderr
    assert installation.installed == {"made-up", "cuda-needs"}


def test_modules_compiled_at_installation_exist():
    script = (ROOT / "envs/install.sh").read_text()
    modules = set(re.findall(r"workflow_lib(?:\.\w+)+", script))
    assert modules
    assert {name for name in modules if not find_spec(name)} == set()


def test_make_names_the_remedy_where_the_cache_cannot_be_written():
    installed = ["VENV=installed", "--assume-old=installed/.ready"]
    done = subprocess.run(
        ["make", "study", *installed],
        cwd=ROOT,
        env={**os.environ, "HOME": "/proc/nowhere", "XDG_CACHE_HOME": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "/proc/nowhere/.cache: Snakemake cannot write here. Set XDG_CACHE_HOME" in done.stderr
