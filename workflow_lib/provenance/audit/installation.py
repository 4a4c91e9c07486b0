"""Compare installed packages with the digests that their makers recorded, and look for intruders.

Each installed package has a file RECORD with the SHA-256 of its files (PyPA, "Recording installed
projects").
"""

import base64
import csv
import json
from collections.abc import Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from workflow_lib.files import atomic
from workflow_lib.provenance.audit.faults import Fault
from workflow_lib.provenance.lock import normalised

_THREADS = 2
_LINES_OF_CODE = ("import ", "import\t")
"""Beginnings of lines of a .pth file that Python executes."""


@dataclass(frozen=True)
class Installation:
    """Installed packages after a comparison.

    Attributes:
        files: number of files that were compared.
        faults: changed and missing files, and other places from which Python imports first.
    """

    files: int
    faults: tuple[Fault, ...]


def compare(site: Path, packages: Iterable[str], cache: Path) -> Installation:
    """Compare packages with their RECORDs.

    Args:
        site: the folder of installed packages.
        packages: normalised names; those that are not installed here are left out.
        cache: JSON file of digests by path, size and modification time, so that a second comparison
            reads only changed files; written again.
    """
    wanted, known = {*packages}, _read(cache)
    everything = {package: dict(_expected(record)) for package, record in _records(site)}
    recorded = {
        site / name: (package, digest)
        for package in wanted & everything.keys()
        for name, digest in everything[package].items()
        if not name.startswith("..")  # commands, which no job imports
    }
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda file: _state(file, known), recorded)
        states = dict(zip(recorded, found, strict=True))
    read = {str(file): state for file, state in states.items() if state}
    if not read.items() <= known.items():
        _write(cache, known | read)
    faults = [
        Fault("altered", str(file), f"of {package} {what}")
        for file, (package, digest) in recorded.items()
        if (what := _difference(states[file], digest))
    ]
    brought = {name for names in everything.values() for name in names}
    return Installation(len(recorded), (*faults, *_intruders(site, brought)))


def _difference(state: list[object] | None, expected: str) -> str:
    if state is None:
        return "is missing from the installed package"
    return "" if state[2] == expected else "differs from what the package's maker recorded"


def _records(site: Path) -> Iterator[tuple[str, Path]]:
    for folder in sorted(site.glob("*.dist-info")):
        package = normalised(folder.name.removesuffix(".dist-info").rpartition("-")[0])
        if (folder / "RECORD").is_file():
            yield package, folder / "RECORD"


def _expected(record: Path) -> Iterator[tuple[str, str]]:
    """Paths and SHA-256 of a package's files; RECORD has none of itself and of compiled files."""
    with record.open(newline="", encoding="utf-8") as lines:
        for name, digest, _ in csv.reader(lines):
            algorithm, _, value = digest.partition("=")
            if algorithm == "sha256":
                yield name, value


def _state(file: Path, known: Mapping[str, list[object]]) -> list[object] | None:
    """Size, modification time and digest of a file; None if it is missing."""
    try:
        found = file.stat()
        before = known.get(str(file))
        if before and before[:2] == [found.st_size, found.st_mtime_ns]:
            return before
        with file.open("rb") as content:
            digest = file_digest(content, "sha256").digest()
    except OSError:
        return None
    text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return [found.st_size, found.st_mtime_ns, text]


def _intruders(site: Path, brought: Container[str]) -> Iterator[Fault]:
    """Files beside the packages that run when Python starts, and that no package brought."""
    for file in sorted([*site.glob("*.pth"), *site.glob("*customize.py")]):
        lines = file.read_text(errors="replace").splitlines()
        runs = file.suffix == ".py" or any(line.startswith(_LINES_OF_CODE) for line in lines)
        if runs and file.name not in brought:
            yield Fault("altered", str(file), "runs when Python starts, and no package brought it")


def _read(cache: Path) -> dict[str, list[object]]:
    try:
        found = json.loads(cache.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(cache: Path, known: Mapping[str, list[object]]) -> None:
    try:
        with atomic(cache) as draft:
            draft.write_text(json.dumps(known))
    except OSError:
        pass  # the next comparison takes longer
