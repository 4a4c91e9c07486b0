"""Changes to a copy of the project; the end of the context undoes each."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import numpy as np
import rasterio

Change = Callable[[Path], AbstractContextManager[None]]
"""Function from the copy's folder to a context in which the copy is changed."""


def nothing() -> Change:
    return lambda folder: nullcontext()


def changed(name: str, edit: Callable[[Path], None]) -> Change:
    """Change a file by a function."""

    @contextmanager
    def context(folder: Path) -> Iterator[None]:
        file = folder / name
        content, status = file.read_bytes(), file.stat()
        try:
            edit(file)
            assert file.read_bytes() != content, f"{name}: the same as before"
            yield
        finally:
            file.write_bytes(content)
            os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    return context


def edited(name: str, old: str, new: str) -> Change:
    """Replace one passage of a text file."""

    def edit(file: Path) -> None:
        text = file.read_text()
        assert text.count(old) == 1, f"{name}: {old!r} stands there {text.count(old)} times"
        file.write_text(text.replace(old, new))

    return changed(name, edit)


def locked(package: str) -> Change:
    """Change the version of a package in the lock."""

    def edit(file: Path) -> None:
        lines = file.read_text().splitlines(keepends=True)
        file.write_text(
            "".join(
                f"{package}==99.0\n" if line.startswith(f"{package}==") else line for line in lines
            )
        )

    return changed("envs/requirements.lock", edit)


def pixel_counted_up(file: Path) -> None:
    with rasterio.open(file, "r+") as raster:
        values = raster.read(1)
        raster.write((values[:8, :8] + np.uint8(1)) % 2, 1, window=((0, 8), (0, 8)))


def one_byte_changed(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def touched(*patterns: str, least: int = 0, most: int | None = None) -> Change:
    """Touch all files between two sizes, so that they are newer than files made from them."""

    @contextmanager
    def context(folder: Path) -> Iterator[None]:
        files = {file: file.stat() for pattern in patterns for file in folder.glob(pattern)}
        files = {
            file: status
            for file, status in files.items()
            if file.is_file() and least <= status.st_size <= (most or status.st_size)
        }
        assert files, f"no such file: {patterns}"
        try:
            for file in files:
                file.touch()
            yield
        finally:
            for file, status in files.items():
                os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    return context


def committed(name: str) -> Change:
    """Put the project under git, with one file that differs from the commit."""

    @contextmanager
    def context(folder: Path) -> Iterator[None]:
        git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
        try:
            (folder / name).write_text("before")
            for words in (["init"], ["add", name], ["commit", "--message", "all"]):
                subprocess.run([*git, *words], cwd=folder, check=True, capture_output=True)
            (folder / name).write_text("after")
            yield
        finally:
            shutil.rmtree(folder / ".git")
            (folder / name).unlink()

    return context


def moved(old: str, new: str) -> Change:
    """Move a file or folder."""

    @contextmanager
    def context(folder: Path) -> Iterator[None]:
        (folder / old).rename(folder / new)
        try:
            yield
        finally:
            if not (folder / old).exists():  # unless a run has made it again
                (folder / new).rename(folder / old)

    return context


def deleted(name: str) -> Change:
    """Delete a file or folder."""
    return moved(name, "deleted")


@contextmanager
def without_memory(folder: Path) -> Iterator[None]:
    """Take Snakemake's own notes away, `.snakemake`."""
    with moved(".snakemake", "memory")(folder):
        try:
            yield
        finally:
            shutil.rmtree(folder / ".snakemake", ignore_errors=True)
