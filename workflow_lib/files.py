"""Writing files so that nothing half-written is ever taken for finished."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from workflow_lib.errors import DownlinkError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic(target: Path) -> Iterator[Path]:
    """Yield a temporary name beside `target`; rename it to `target` when the block succeeds.

    The block may write a file or make a folder under that name. When it fails, what was written is
    removed and an older `target` stays as it was.

    Raises:
        DownlinkError: the disk or the quota is full.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    draft = scratch / target.name
    try:
        yield draft
        _synchronise(draft)
        if target.is_dir():
            target.rename(scratch / "replaced")
        draft.replace(target)
    except OSError as error:
        if error.errno in _FULL:
            raise DownlinkError(
                f"{target}: the disk is full ({error.strerror}). Free some space, or move the "
                "results folder to a larger disk, then run again."
            ) from error
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _synchronise(path: Path) -> None:
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def tree_sha256(folder: Path, threads: int = 1) -> str:
    """Hexadecimal SHA-256 over the names and bytes of all files below `folder`.

    Snakemake's own marks in a folder do not count.
    """
    below = (file for file in Path(folder).rglob("*") if file.is_file())
    files = sorted(file for file in below if not file.name.startswith(".snakemake"))
    digest = hashlib.sha256()
    with ThreadPoolExecutor(threads) as pool:
        for file, content in zip(files, pool.map(sha256, files), strict=True):
            digest.update(f"{file.relative_to(folder).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()
