"""Installed packages are compared with the digests that their makers recorded."""

import base64
import hashlib
import os

import pytest

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.installation import (
    CHANGED,
    FOUND_AT_START,
    NO_RECORD,
    Installation,
    compare,
)
from workflow_lib.provenance.run_start import begin


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
    cache = tmp_path_factory.mktemp("cache")
    return lambda: compare(
        site, ["wanted", "other-one", "not-installed"], ["wanted", "trusted"], cache
    )


def test_packages_as_recorded_are_not_altered(compared):
    assert (compared().files, compared().differing, compared().altered) == (2, {}, {})


def test_a_line_added_is_found_and_its_removal_too(site, compared):
    assert not compared().altered
    file = site / "wanted/__init__.py"
    file.write_text("x = 1\ny = 2\n")
    assert "maker recorded" in compared().differing["wanted"]["wanted/__init__.py"]
    file.write_text("x = 1\n")
    assert not compared().altered
    file.unlink()
    assert compared().differing == {"wanted": {"wanted/__init__.py": "is missing"}}


def test_a_change_of_the_same_size_and_time_is_found(site, compared):
    file = site / "wanted/__init__.py"
    before = file.stat()
    assert not compared().altered
    file.write_text("x = 2\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert list(compared().altered) == ["wanted"]


def test_other_contents_have_another_digest(site, compared):
    file = site / "wanted/__init__.py"
    file.write_text("x = 2\n")
    first = compared().altered
    file.write_text("x = 3\n")
    assert compared().altered != first


def test_packages_that_no_job_needs_are_left_out(site, tmp_path):
    (site / "other_one/__init__.py").write_text("")
    assert not compare(site, ["wanted"], (), tmp_path / "cache").altered


def test_a_package_without_a_record_is_told(site, compared):
    (site / "wanted-1.0.dist-info/RECORD").unlink()
    assert compared().differing["wanted"]["wanted-1.0.dist-info"] == NO_RECORD


def test_a_module_added_to_a_package_is_found(site, compared):
    (site / "wanted/more").mkdir()
    (site / "wanted/more/evil.py").write_text("")
    (site / "wanted/more/data.txt").write_text("")
    assert list(compared().differing["wanted"]) == ["wanted/more/evil.py"]


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
    assert (name in compared().altered) == found


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_cache_is_made_again(site, tmp_path, text):
    compare(site, ["wanted"], (), tmp_path / "cache")
    (cache,) = (tmp_path / "cache").iterdir()
    cache.write_text(text)
    assert not compare(site, ["wanted"], (), tmp_path / "cache").altered
    assert "wanted" in cache.read_text()


@pytest.fixture
def at_start(compared, monkeypatch):
    """What a job learns of the packages at the start of its run."""

    def told():
        monkeypatch.setenv(FOUND_AT_START, compared().to_text())
        return Installation.at_start()

    return told


def test_a_job_learns_which_of_its_packages_are_altered(site, at_start):
    assert at_start().seen_by(["wanted"], []) == {}
    (site / "wanted/__init__.py").write_text("x = 2\n")
    assert list(at_start().seen_by(["wanted"], [])) == ["wanted"]
    assert at_start().seen_by(["other-one"], []) == {}
    (site / "sitecustomize.py").write_text("")
    assert list(at_start().seen_by(["other-one"], [])) == ["sitecustomize.py"]


def test_a_module_changed_after_the_start_is_told_although_it_was_changed_back(site, at_start):
    file, found = site / "wanted/__init__.py", at_start()
    loaded = [str(file), "/elsewhere/module.py"]
    assert found.seen_by(["wanted"], loaded) == {}
    file.write_text("x = 2\n")
    file.write_text("x = 1\n")
    assert found.seen_by(["wanted"], loaded) == {"wanted/__init__.py": CHANGED}


def test_without_a_comparison_nothing_is_claimed(monkeypatch):
    monkeypatch.delenv(FOUND_AT_START, raising=False)
    assert Installation.at_start() is None


def test_a_run_refuses_an_altered_package_unless_the_study_names_it(site, compared, monkeypatch):
    monkeypatch.setenv(FOUND_AT_START, "")  # so that the value is removed afterwards
    begin(compared(), {})
    (site / "wanted/__init__.py").write_text("x = 2\n")
    with pytest.raises(DownlinkError, match=r"__init__\.py differs .*patched: {wanted: why}"):
        begin(compared(), {})
    begin(compared(), {"wanted": "a bug of ours"})
    assert list(Installation.at_start().altered) == ["wanted"]


def test_a_job_may_import_locked_packages_only(at_start):
    found = at_start()
    assert found.offers("wanted/deep/module.py")
    assert not found.offers("other_one/__init__.py")


def test_what_an_unlocked_package_starts_is_told(site, compared):
    """Also a folder `sitecustomize`, which Python imports when it starts."""
    folder = site / "evil-1.0.dist-info"
    folder.mkdir()
    (folder / "RECORD").write_text("evil.pth,sha256=x,1\nevil_start.py,sha256=x,1\n")
    (site / "evil.pth").write_text("import evil_start\n")
    (site / "evil_start.py").write_text("")
    (site / "sitecustomize").mkdir()
    (site / "sitecustomize/__init__.py").write_text("")
    assert compared().altered.keys() == {"evil.pth", "sitecustomize/__init__.py"}


def test_a_trusted_package_that_was_installed_last_did_not_change_during_the_run(site, at_start):
    """For example the project's own editable installation."""
    folder = site / "trusted-1.0.dist-info"
    folder.mkdir()
    (site / "finder.py").write_text("")
    (folder / "RECORD").write_text("finder.py,sha256=x,1\n")
    found, loaded = at_start(), [str(site / "finder.py")]
    assert found.offers("finder.py")
    assert found.seen_by(["wanted"], loaded) == {}
    (site / "finder.py").write_text("x = 1\n")
    assert found.seen_by(["wanted"], loaded) == {"finder.py": CHANGED}
