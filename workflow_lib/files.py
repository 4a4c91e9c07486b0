"""Write files atomically, so that readers never see a partial file; hash files and folders."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from workflow_lib.errors import DownlinkError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic(target: Path) -> Iterator[Path]:
    """Yield a temporary name beside `target`; rename it to `target` when the block succeeds.

    The block may write a file or make a folder under that name. If it fails, its output is removed
    and an older `target` is unchanged. After a power failure, `target` is the old or the new one.

    Raises:
        DownlinkError: the disk or the quota is full.
    """
    with unsynchronised(target) as draft:
        yield draft
        _synchronise(draft)


@contextmanager
def unsynchronised(target: Path) -> Iterator[Path]:
    """Work as `atomic`, but do not wait for the disk: a power failure may damage the target.

    Use it for large outputs that readers verify by a digest.

    Raises:
        DownlinkError: the disk or the quota is full.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    draft = scratch / target.name
    try:
        yield draft
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
    """Compute the hexadecimal SHA-256 of a file's bytes."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def tree_sha256(folder: Path, threads: int = 1) -> str:
    """Compute the hexadecimal SHA-256 of names and bytes of a folder's files; see `tree_files`."""
    files = tree_files(folder)
    with ThreadPoolExecutor(threads) as pool:
        return joined_sha256(dict(zip(files, pool.map(sha256, files.values()), strict=True)))


def digest(path: Path) -> str:
    """Compute `sha256` of a file or `tree_sha256` of a folder."""
    return tree_sha256(path) if path.is_dir() else sha256(path)


TIME_MARK = ".snakemake_timestamp"
"""Name of the file that Snakemake writes into a folder that is a job's output."""


def tree_files(folder: Path) -> dict[str, Path]:
    """List all files below `folder` by relative name, sorted, without Snakemake's time marks."""
    below = (file for file in Path(folder).rglob("*") if file.is_file())
    files = sorted(file for file in below if file.name != TIME_MARK)
    return {file.relative_to(folder).as_posix(): file for file in files}


def joined_sha256(digests: Mapping[str, str]) -> str:
    """Compute the hexadecimal SHA-256 of several files from their names and digests."""
    lines = (f"{name}\0{digest}\n" for name, digest in digests.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()
