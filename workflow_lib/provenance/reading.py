"""Read and validate untrusted sidecars, e.g. from a results folder of another machine."""

from datetime import datetime
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError

from workflow_lib.errors import DownlinkError
from workflow_lib.paths import RESERVED
from workflow_lib.provenance.sidecar import Sidecar

NOT_RESULTS = RESERVED - {"archives"}
"""Entries of a results folder that are not results: records, and files made from records."""
_MOST_BYTES = 64 * 10**6
_SIDECAR = TypeAdapter(Sidecar)


def content_of(file: Path) -> bytes:
    """A sidecar's bytes; empty if it is a link, not a file, or too large."""
    if file.is_symlink() or not file.is_file() or file.stat().st_size > _MOST_BYTES:
        return b""
    return file.read_bytes()


def read_checked(file: Path, content: bytes) -> Sidecar:
    """Parse a sidecar and check the type of every field.

    Args:
        file: the sidecar.
        content: its bytes, as `content_of` gives them.

    Raises:
        DownlinkError: it is damaged, or a job cannot have written it.
    """
    if not content:
        raise DownlinkError(
            f"{file}: this is not a readable sidecar (empty, a link, or too large)."
        )
    try:
        sidecar = Sidecar.read(file)
        _SIDECAR.validate_json(content, strict=True)
        float(sidecar.peak_memory_mb)
        for moment in (sidecar.start, sidecar.end):
            _require_moment(datetime.fromisoformat(moment))
    except (ValidationError, ValueError, OverflowError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise DownlinkError(f"{file}: this is not a readable sidecar ({reason}).") from error
    return sidecar


def require_own(sidecar: Sidecar, file: Path, artifact: str, results: str) -> None:
    """Check that a sidecar lists only results and is named after the first one.

    Args:
        sidecar: the content of `file`.
        file: path of the sidecar.
        artifact: the output that the sidecar's path refers to.
        results: the results folder, as the study names it.

    Raises:
        DownlinkError: a check fails.
    """
    if next(iter(sidecar.outputs), None) != artifact:
        raise DownlinkError(f"{file}: this sidecar is another job's, so it is in the wrong place.")
    foreign = [output for output in sidecar.outputs if not is_result(output, results)]
    if foreign:
        raise DownlinkError(f"{file}: this sidecar names {foreign[0]}, which is not a result.")


def is_result(path: str, results: str) -> bool:
    """Whether a path names a file or folder that a job of this study may make."""
    inside = PurePosixPath(path).parts[len(PurePosixPath(results).parts) :]
    return is_below(path, results) and inside[0] not in NOT_RESULTS


def is_below(path: str, folder: str) -> bool:
    """Whether a path, as written, lies inside a folder and does not lead out of it."""
    pure = PurePosixPath(path)
    plain = path.isprintable() and pure.as_posix() == path and ".." not in pure.parts
    return plain and pure.is_relative_to(folder) and pure != PurePosixPath(folder)


def _require_moment(moment: datetime) -> None:
    """Refuse times without a time zone and times before 1971."""
    if moment.tzinfo is None or moment.year <= 1970:
        raise ValueError(f"{moment} is not a possible time of a job")
