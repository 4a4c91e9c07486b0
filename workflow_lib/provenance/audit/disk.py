"""Compare the files below a results folder with the outputs that sidecars record."""

import os
import re
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from workflow_lib.files import TIME_MARK, digest
from workflow_lib.provenance.audit.faults import Fault, counted
from workflow_lib.provenance.audit.records import Records
from workflow_lib.provenance.jobs import first_output
from workflow_lib.provenance.reading import NOT_RESULTS
from workflow_lib.provenance.sidecar import Sidecar

THREADS = 2
_HALF_WRITTEN = re.compile(r"\..+\.[a-z0-9_]{8}")


@dataclass(frozen=True)
class Disk:
    """Contents of a results folder.

    Attributes:
        files: number of result files.
        size: their total size in bytes.
        links: paths that are neither file nor folder, such as links; the walk follows none.
        others: folders with the results of another study.
        faults: files that no sidecar records, links and half-written files.
    """

    files: int
    size: int
    links: frozenset[str]
    others: tuple[str, ...]
    faults: tuple[Fault, ...]

    def hidden(self, path: str) -> bool:
        """Whether a path passes through a link."""
        pure = PurePosixPath(path)
        return any(str(part) in self.links for part in (pure, *pure.parents))

    def links_in(self, folder: str) -> bool:
        """Whether a folder contains a link."""
        return any(PurePosixPath(link).is_relative_to(folder) for link in self.links)


def walk(records: Records) -> Disk:
    """List everything below the results folder without reading file contents."""
    seen = _Walk(records)
    seen.folder(records.results, claimed=False)
    return Disk(
        seen.files, seen.size, frozenset(seen.links), tuple(seen.others), tuple(seen.faults)
    )


class _Walk:
    def __init__(self, records: Records) -> None:
        self.records = records
        self.files = self.size = 0
        self.links: set[str] = set()
        self.others: list[str] = []
        self.faults: list[Fault] = []
        known = {*records.producers, *records.damaged, *records.wanted}
        self.above = {str(parent) for name in known for parent in PurePosixPath(name).parents}

    def folder(self, name: str, claimed: bool) -> None:
        """Visit one folder; `claimed` means that it lies in the output of a job."""
        with os.scandir(self.records.root / name) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            top = name == self.records.results
            mark = entry.name == TIME_MARK and entry.is_file(follow_symlinks=False)
            if not mark and not (top and entry.name in NOT_RESULTS):
                self._entry(entry, f"{name}/{entry.name}", claimed)

    def _entry(self, entry: os.DirEntry[str], name: str, claimed: bool) -> None:
        claimed = claimed or name in self.records.producers
        if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
            self.links.add(name)
            self.faults.append(_link(Path(entry.path), name))
        elif entry.is_file():
            self.files += 1
            self.size += entry.stat().st_size
            if not claimed:
                self._unclaimed(name, "is not recorded in any intact sidecar")
        elif claimed or name in self.above:  # comes first: outputs of jobs are always visited
            self.folder(name, claimed)
        elif _HALF_WRITTEN.fullmatch(entry.name):
            what = "is half-written: its job was stopped or is still running"
            self.faults.append(Fault("half-written", name, what))
        elif _other_study(self.records, name, entry):
            self.others.append(name)
        elif self._in_damaged_sidecar(f'"{name}/'):
            self.folder(name, claimed)
        elif count := sum(1 for path in Path(entry.path).rglob("*") if not path.is_dir()):
            what = f"is a folder of {counted(count, 'file')} that no intact sidecar records"
            self._unclaimed(name, what)

    def _unclaimed(self, name: str, what: str) -> None:
        """Add a fault, unless a damaged sidecar, itself a fault, contains the name."""
        if name not in self.records.damaged and not self._in_damaged_sidecar(f'"{name}"'):
            again = (name,) if name in self.records.wanted else ()
            self.faults.append(Fault("no sidecar", name, what, again=again))

    def _in_damaged_sidecar(self, text: str) -> bool:
        # surrogateescape: names on disk need not be valid text
        sought = text.encode(errors="surrogateescape")
        return any(sought in damaged.content for damaged in self.records.damaged.values())


def _other_study(records: Records, name: str, entry: os.DirEntry[str]) -> bool:
    top = str(PurePosixPath(name).parent) == records.results
    return top and (Path(entry.path) / "provenance").is_dir()


def _link(path: Path, name: str) -> Fault:
    if not path.is_symlink():
        return Fault("link", name, "is neither a file nor a folder and was not read")
    return Fault("link", name, f"is a link to {path.readlink()} and was not followed")


def output_faults(records: Records, disk: Disk) -> Iterator[Fault]:
    """Faults of outputs that are missing or have changed since their job made them."""
    outputs = [
        (name, digest, job) for job in records.jobs.values() for name, digest in job.outputs.items()
    ]
    readable = [out for out in outputs if not disk.hidden(out[0]) and not disk.links_in(out[0])]
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda out: digest_of(records.root / out[0]), readable)
        progress = tqdm(found, "comparing", len(readable), unit="output", leave=False, disable=None)
        for (name, digest, job), present in zip(readable, progress, strict=True):
            again = (first_output(job),) if first_output(job) in records.current else ()
            if present is None:
                yield Fault("missing", name, "is missing", job.rule, again)
            elif present != digest:
                what = f"has changed since its job made it{_newer(records.root / name, job)}"
                yield Fault("changed", name, what, job.rule, again)


def digest_of(path: Path) -> str | None:
    """Digest of a file or folder; None if it does not exist or cannot be read."""
    try:
        mode = path.stat().st_mode
        return digest(path) if stat.S_ISDIR(mode) or stat.S_ISREG(mode) else None
    except (OSError, ValueError):
        return None


def _newer(path: Path, job: Sidecar) -> str:
    """Name files of a folder that are newer than its job: a hint, since times can be forged."""
    if not path.is_dir():
        return ""
    end = datetime.fromisoformat(job.end).timestamp() + 1
    below = (file for file in sorted(path.rglob("*")) if file.is_file())
    newer = [file.relative_to(path).as_posix() for file in below if file.stat().st_mtime > end]
    return f" (written since: {', '.join(newer[:3])})" if newer else ""
