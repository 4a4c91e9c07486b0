"""Reading sidecars that anybody may have written: of a results folder from elsewhere, say."""

from datetime import datetime
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError

from workflow_lib.errors import DownlinkError
from workflow_lib.paths import RESERVED
from workflow_lib.provenance.sidecar import Sidecar

NOT_RESULTS = RESERVED - {"archives"}
"""What stands in a results folder and is no result: records, and what is made from these."""
_MOST_BYTES = 64 * 10**6
_SIDECAR = TypeAdapter(Sidecar)


def content_of(file: Path) -> bytes:
    """A sidecar's bytes; none where it is no sidecar by its kind or its size."""
    if file.is_symlink() or not file.is_file() or file.stat().st_size > _MOST_BYTES:
        return b""
    return file.read_bytes()


def read_checked(file: Path, content: bytes) -> Sidecar:
    """The sidecar in a file, every field of the right type.

    Args:
        file: the sidecar.
        content: its bytes, as `content_of` gives them.

    Raises:
        DownlinkError: it is not whole, or cannot be what a job wrote.
    """
    if not content:
        raise DownlinkError(f"{file}: this is no readable sidecar (empty, a link, or too large).")
    try:
        sidecar = Sidecar.read(file)
        _SIDECAR.validate_json(content, strict=True)
        float(sidecar.peak_memory_mb)
        for moment in (sidecar.start, sidecar.end):
            _require_moment(datetime.fromisoformat(moment))
    except (ValidationError, ValueError, OverflowError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise DownlinkError(f"{file}: this is no readable sidecar ({reason}).") from error
    return sidecar


def require_own(sidecar: Sidecar, file: Path, artifact: str, results: str) -> None:
    """Make sure that a sidecar speaks of results alone, and bears the name of the first.

    Args:
        sidecar: what was read from `file`.
        file: where it stands.
        artifact: the output whose name the file bears.
        results: the results folder, as the study names it.

    Raises:
        DownlinkError: it does not.
    """
    if next(iter(sidecar.outputs), None) != artifact:
        raise DownlinkError(f"{file}: this sidecar is another job's: it stands in the wrong place.")
    foreign = [output for output in sidecar.outputs if not is_result(output, results)]
    if foreign:
        raise DownlinkError(f"{file}: this sidecar speaks of {foreign[0]}, which is no result.")


def is_result(path: str, results: str) -> bool:
    """Whether a path is the name of something that a job of this study may make."""
    inside = PurePosixPath(path).parts[len(PurePosixPath(results).parts) :]
    return is_below(path, results) and inside[0] not in NOT_RESULTS


def is_below(path: str, folder: str) -> bool:
    """Whether a path, as it is written, names something in a folder and leads nowhere else."""
    pure = PurePosixPath(path)
    plain = path.isprintable() and pure.as_posix() == path and ".." not in pure.parts
    return plain and pure.is_relative_to(folder) and pure != PurePosixPath(folder)


def _require_moment(moment: datetime) -> None:
    """Refuse dates with which nobody can reckon: without a time zone, or before there was one."""
    if moment.tzinfo is None or moment.year <= 1970:
        raise ValueError(f"{moment}: no job ran then")
