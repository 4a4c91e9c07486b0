"""Compare installed packages with the digests that their makers recorded, and look for intruders.

Each installed package has a file RECORD with the SHA-256 of its files (PyPA, "Recording installed
projects").
"""

import base64
import csv
import hashlib
import json
import os
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from workflow_lib.files import atomic
from workflow_lib.provenance.lock import normalised

FOUND_AT_START = "DOWNLINK_INSTALLED"
"""Environment variable with the text of `Installation.to_text`, from the run's start."""
CHANGED = "changed while the study ran"
NO_RECORD = "has no RECORD, so nothing can be compared"

_THREADS = 2
_IMPORTED = (".py", ".so", ".pth")
_AT_START = {"sitecustomize", "usercustomize"}
"""Modules that Python imports when it starts."""
_LINES_OF_CODE = ("import ", "import\t")
"""Beginnings of lines of a .pth file that Python executes."""

_State = list[object]
"""Size in bytes, times of modification and of change in ns, and SHA-256 as RECORD writes it."""


@dataclass(frozen=True)
class Installation:
    """Installed packages after a comparison.

    Attributes:
        site: the folder of installed packages.
        files: number of files that were compared.
        differing: for each package that is not as its maker recorded it, what is wrong with which
            of its files, by path below `site`. A file that no package brought counts to the package
            in whose folder it lies; elsewhere it stands for itself.
        altered: for each of these packages a digest of the differing files' contents.
        newest: when the last file of these and of the trusted packages was changed, in ns.
        offered: names of the trusted packages' files and folders in `site`.
    """

    site: str
    files: int
    differing: Mapping[str, Mapping[str, str]]
    altered: Mapping[str, str]
    newest: int
    offered: Collection[str] = frozenset()

    def to_text(self) -> str:
        """What a job needs to know: site, altered packages and the time of the last change."""
        names = "site", "altered", "newest", "offered"
        return json.dumps({name: getattr(self, name) for name in names}, default=sorted)

    @classmethod
    def at_start(cls) -> Self | None:
        """What was found when the run began; None if nobody compared."""
        text = os.environ.get(FOUND_AT_START)
        if not text:
            return None
        told = json.loads(text)
        offered = frozenset(told.pop("offered"))
        return cls(files=0, differing={}, offered=offered, **told)

    def offers(self, path: str) -> bool:
        """Whether a module belongs to a trusted package, or is known to be altered.

        Args:
            path: the module's file below the folder of installed packages.
        """
        return path.partition("/")[0] in self.offered or path in self.altered

    def seen_by(self, packages: Iterable[str], loaded: Iterable[str]) -> dict[str, str]:
        """What differed for a job: altered packages, and files that were changed since.

        Args:
            packages: normalised names of the packages that the job can import.
            loaded: paths of the modules that it imported.
        """
        names = {*packages}
        present = {p: d for p, d in self.altered.items() if p in names or p.endswith(_IMPORTED)}
        since = {
            path.removeprefix(f"{self.site}/"): CHANGED
            for path in loaded
            if path.startswith(f"{self.site}/") and Path(path).stat().st_ctime_ns > self.newest
        }
        return present | since


def compare(
    site: Path, packages: Iterable[str], trusted: Collection[str], cache: Path
) -> Installation:
    """Compare packages with their RECORDs.

    Args:
        site: the folder of installed packages.
        packages: normalised names; those that are not installed here are left out.
        trusted: the packages that jobs may import, and that may run code when Python starts.
        cache: folder for digests by path, size and times, so that a second comparison reads only
            changed files.
    """
    folders = _dist_infos(site)
    everything = {name: dict(_expected(folder / "RECORD")) for name, folder in folders.items()}
    wanted = sorted({*packages} & everything.keys())
    recorded = {
        name: (package, digest)
        for package in wanted
        for name, digest in everything[package].items()
        if not name.startswith("..")  # commands, which no job imports
    }
    added = _added(site, everything, wanted, trusted)
    states = _states(site, [*recorded, *added], cache)
    # jobs may import these too, so a later change of them counts
    untouched = {*trusted} & everything.keys() - {*wanted}
    others = [_times(site / name) for package in untouched for name in everything[package]]
    wrong = {name: {folders[name].name: NO_RECORD} for name in wanted if not everything[name]}
    for name, (package, digest) in recorded.items():
        if what := _difference(states[name], digest):
            wrong.setdefault(package, {})[name] = what
    for name, package in added.items():
        wrong.setdefault(package, {})[name] = (
            "can be imported or runs at Python's start, and no locked package brought it"
        )
    return Installation(
        site=str(site),
        files=len(recorded),
        differing=wrong,
        altered={package: _digest(files, states) for package, files in sorted(wrong.items())},
        newest=max(
            (int(str(times[2])) for times in (*states.values(), *others) if times), default=0
        ),
        offered=tuple(
            sorted({n.partition("/")[0] for p in trusted for n in everything.get(p, ())})
        ),
    )


def _difference(state: _State | None, expected: str) -> str:
    if state is None:
        return "is missing"
    return "" if state[3] == expected else "differs from what the package's maker recorded"


def _digest(files: Iterable[str], states: Mapping[str, _State | None]) -> str:
    lines = [f"{name} {(states.get(name) or [None])[-1]}" for name in files]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _dist_infos(site: Path) -> dict[str, Path]:
    return {
        normalised(folder.name.removesuffix(".dist-info").rpartition("-")[0]): folder
        for folder in sorted(site.glob("*.dist-info"))
    }


def _expected(record: Path) -> Iterator[tuple[str, str]]:
    """Paths and SHA-256 of a package's files; RECORD has none of itself and of compiled files."""
    if not record.is_file():
        return
    with record.open(newline="", encoding="utf-8") as lines:
        for name, digest, _ in csv.reader(lines):
            algorithm, _, value = digest.partition("=")
            if algorithm == "sha256":
                yield name, value


def _added(
    site: Path,
    everything: Mapping[str, Mapping[str, str]],
    wanted: Iterable[str],
    trusted: Iterable[str],
) -> dict[str, str]:
    """Files that Python can import and no package brought, or that an untrusted one starts."""
    brought = {name for names in everything.values() for name in names}
    by_trusted = {name for package in trusted for name in everything.get(package, ())}
    owners = {
        name.partition("/")[0]: package
        for package in wanted
        for name in everything[package]
        if "/" in name and not name.startswith("..")
    }
    found = {name: name for name in _beside(site, brought) if name not in by_trusted}
    for folder, package in owners.items():
        for below, _, names in os.walk(site / folder):
            place = below[len(str(site)) + 1 :]
            inside = {f"{place}/{name}" for name in names if name.endswith(_IMPORTED)}
            found |= dict.fromkeys(inside - brought, package)
    return found


def _beside(site: Path, brought: Container[str]) -> Iterator[str]:
    """What lies beside the packages and runs at Python's start, or can be imported by its name."""
    for entry in site.iterdir():
        starts = entry.name.partition(".")[0] in _AT_START
        if entry.is_dir():
            modules = [f"{entry.name}/{file.name}" for file in entry.glob("__init__.*")]
            yield from (name for name in modules if starts or name not in brought)
        elif entry.suffix == ".pth":
            lines = entry.read_text(errors="replace").splitlines()
            if any(line.startswith(_LINES_OF_CODE) for line in lines):
                yield entry.name
        elif entry.suffix in _IMPORTED and (starts or entry.name not in brought):
            yield entry.name


def _states(site: Path, names: list[str], cache: Path) -> dict[str, _State | None]:
    """The state of each file, None if it is missing; contents are read where the cache is old."""
    kept = cache / f"packages-{hashlib.sha256(str(site).encode()).hexdigest()[:12]}.json"
    known = _read(kept)
    times = {name: _times(site / name) for name in names}
    old = [name for name in names if times[name] and known.get(name, [])[:3] != times[name]]
    with ThreadPoolExecutor(_THREADS) as pool:
        digests = dict(zip(old, pool.map(lambda name: _sha256(site / name), old), strict=True))
    read: dict[str, _State] = {n: [*(times[n] or ()), digest] for n, digest in digests.items()}
    if read:
        _write(kept, known | read)
    now = known | read
    return {name: now[name] if times[name] else None for name in names}


def _times(file: Path) -> _State | None:
    """Size in bytes and times in ns; None if the file is missing."""
    try:
        found = file.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _sha256(file: Path) -> str:
    """SHA-256 as RECORD writes it; empty if the file cannot be read."""
    try:
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").digest()
    except OSError:
        return ""
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _read(cache: Path) -> dict[str, _State]:
    try:
        found = json.loads(cache.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(cache: Path, known: Mapping[str, _State]) -> None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        with atomic(cache) as draft:
            draft.write_text(json.dumps(known))
    except OSError:
        pass  # the next comparison takes longer
