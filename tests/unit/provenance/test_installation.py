"""Installed packages are compared with the digests that their makers recorded."""

import base64
import hashlib
import os

import pytest

from workflow_lib.provenance.audit.installation import compare


@pytest.fixture
def site(tmp_path):
    """Two packages, made as pip installs them."""
    for package in ("wanted", "Other_One"):
        folder, own = tmp_path / package.lower(), tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        own.mkdir()
        (folder / "__init__.py").write_text("x = 1\n")
        digest = hashlib.sha256(b"x = 1\n").digest()
        value = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        (own / "RECORD").write_text(
            f"{package.lower()}/__init__.py,sha256={value},6\n"
            f"../../../bin/{package},sha256={value},6\n"
            f"{own.name}/RECORD,,\n"
        )
    return tmp_path


@pytest.fixture
def compared(site, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache") / "packages.json"
    return lambda: compare(site, ["wanted", "other-one", "not-installed"], cache)


def test_packages_as_recorded_have_no_fault(compared):
    assert (compared().files, compared().faults) == (2, ())


def test_a_line_added_is_found_and_its_removal_too(site, compared):
    assert not compared().faults
    file = site / "wanted/__init__.py"
    file.write_text("x = 1\ny = 2\n")
    (fault,) = compared().faults
    assert (fault.path, fault.kind) == (str(file), "altered")
    assert "wanted differs" in fault.what
    file.write_text("x = 1\n")
    assert not compared().faults
    file.unlink()
    assert "missing" in compared().faults[0].what


def test_a_change_of_the_same_size_is_found(site, compared):
    assert not compared().faults
    (site / "wanted/__init__.py").write_text("x = 2\n")
    os.utime(site / "wanted/__init__.py", ns=(1, 1))
    assert len(compared().faults) == 1


def test_packages_that_no_job_needs_are_left_out(site, tmp_path):
    (site / "other_one/__init__.py").write_text("")
    assert not compare(site, ["wanted"], tmp_path / "cache.json").faults


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("sitecustomize.py", "", True),
        ("mine.pth", "import mine\n", True),
        ("folder.pth", "/some/folder\n", False),
    ],
)
def test_what_runs_at_the_start_of_python_is_told(site, compared, name, text, found):
    (site / name).write_text(text)
    assert bool(compared().faults) == found


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_cache_is_made_again(site, tmp_path, text):
    cache = tmp_path / "cache.json"
    cache.write_text(text)
    assert not compare(site, ["wanted"], cache).faults
    assert "wanted" in cache.read_text()
