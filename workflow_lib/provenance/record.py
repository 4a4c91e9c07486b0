"""Record a job of the workflow while it runs, and write its sidecar at the end.

The environment variable DOWNLINK_JOB names the file that describes the job. Scripts that are run
by hand write no sidecar. Every job imports this module, so it imports only light modules.
"""

import hashlib
import json
import os
import platform
import re
import sys
import sysconfig
import time
from functools import cache
from pathlib import Path
from typing import Any

from workflow_lib import machine
from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic, digest, sha256
from workflow_lib.notes import noted, now
from workflow_lib.provenance import environment
from workflow_lib.provenance.arithmetic import instruction_sets, steering_variables
from workflow_lib.provenance.digests import (
    LAUNCHER,
    PACKAGE,
    ROOT,
    affects_results,
    file_digest,
    reached_packages,
)
from workflow_lib.provenance.installation import Installation
from workflow_lib.provenance.lock import LOCK
from workflow_lib.provenance.sidecar import EDITED, Sidecar
from workflow_lib.provenance.told import options, parsed, summary

JOB = "DOWNLINK_JOB"
"""Environment variable with the path of a JSON file, which describes the job: see
`rule_parts.recorder`."""
_BESIDE = ("notes.py", "machine.py")
"""Modules that record jobs and lie elsewhere."""


def recorder() -> str:
    """Digest of the files that record jobs; they change no result."""
    files = [*Path(__file__).parent.glob("*.py"), *(ROOT / PACKAGE / name for name in _BESIDE)]
    return hashlib.sha256("".join(sha256(file) for file in sorted(files)).encode()).hexdigest()


class Recording:
    """The record of one job, from its start until it writes the sidecar."""

    def __init__(self, job: dict[str, Any]) -> None:
        begun = time.perf_counter()
        self._job = job
        self._variables = steering_variables()  # before libraries set their own
        _imported(Installation.at_start())
        self._states = {file: _state(file) for file in _project_files()}
        self._inputs = {name: digest(Path(name)) for name in job["inputs"]}
        self._seconds = time.perf_counter() - begun

    @classmethod
    def begun(cls) -> "Recording | None":
        """Start recording the job of this process; None if it was started by hand.

        Raises:
            DownlinkError: the job imported another checkout's library.
        """
        description = os.environ.get(JOB)
        if not description:
            return None
        job = json.loads(Path(description).read_text())
        if (planned := Path(job["root"]).resolve()) != ROOT:
            raise DownlinkError(
                f"{ROOT}: this job imported the library here, but was planned in {planned}. "
                "Remove what leads to the other checkout, for example a .pth file."
            )
        return cls(job)

    def finish(self) -> None:
        """Write the sidecar; every output must exist.

        Raises:
            DownlinkError: the job imported a file that is neither its checkout's nor installed.
        """
        begun = time.perf_counter()
        at_start = Installation.at_start()
        imported = _imported(at_start)
        code, parameters = self._code(), options(sys.argv[1:])
        locked = reached_packages(code)
        state = self._commit()
        sidecar = Sidecar(
            rule=self._job["rule"],
            told=summary(self._job),
            wildcards=self._job["wildcards"],
            parameters=parameters,
            inputs=self._inputs | noted.inputs,
            outputs={name: digest(Path(name)) for name in self._job["outputs"]},
            code=code,
            commit=state.commit,
            clean=state.clean,
            lock=sha256(LOCK),
            locked=locked,
            packages=environment.installed(list(locked)),
            altered=at_start.seen_by(locked, imported) if at_start else None,
            recorder=recorder(),
            python=platform.python_version(),
            platform=platform.platform(),
            node=platform.node(),
            cpu=machine.cpu(),
            gpu=noted.gpu,
            driver=noted.driver,
            device=noted.device,
            threads=noted.threads,
            instructions=instruction_sets(),
            variables=self._variables,
            seeds=_seeds(parameters),
            start=noted.start,
            end=now(),
            earlier=noted.earlier,
            peak_memory_mb=machine.peak_memory_mb(),
            recording_s=round(self._seconds + time.perf_counter() - begun, 4),
            slurm_job=os.environ.get("SLURM_JOB_ID"),
            slurm_node=os.environ.get("SLURMD_NODENAME"),
        )
        with atomic(Path(self._job["sidecar"])) as draft:
            draft.write_text(sidecar.to_text(), encoding="utf-8")

    def _commit(self) -> environment.Commit:
        """The commit at Snakemake's start; clean only if it is still the same commit and clean."""
        then, now = environment.Commit(*self._job["commit"]), environment.commit(ROOT)
        if then.commit is None or now.commit is None:  # this may be a container without git
            return now if then.commit is None else then
        clean = then == now and bool(now.clean) and environment.committed(ROOT, self._run())
        return environment.Commit(then.commit, clean)

    def _run(self) -> list[str]:
        """The workflow's files and the project files that were loaded, by path below the root."""
        workflow = [*ROOT.glob("Snakefile"), *ROOT.glob("rules/*.smk")]
        return [path.relative_to(ROOT).as_posix() for path in workflow] + self._loaded()

    def _code(self) -> dict[str, str]:
        """Digests of the project files that were loaded; EDITED if one has changed since."""
        return {
            file: file_digest(file) if _state(ROOT / file) == self._states[ROOT / file] else EDITED
            for file in self._loaded()
            if affects_results(file)
        }

    def _loaded(self) -> list[str]:
        """The project files that were loaded, by path below the root."""
        # torch alone loads two thousand modules, and resolving their paths would take long
        own = [m for n, m in list(sys.modules.items()) if n.split(".")[0] in ("__main__", PACKAGE)]
        loaded = (getattr(module, "__file__", None) for module in own)
        below = {Path(name).resolve() for name in loaded if name} | {ROOT / LAUNCHER}
        return sorted(path.relative_to(ROOT).as_posix() for path in below if path in self._states)


def _imported(at_start: Installation | None) -> list[str]:
    """Paths of all modules that the job has imported.

    Args:
        at_start: the installed packages when the run began, if anybody compared them.

    Raises:
        DownlinkError: one is neither source code of this checkout, nor of a locked package, nor
            Python's own.
    """
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    paths = [file for file in files if file and file[0] == os.sep]  # torch makes some names up
    for path in paths:
        if not _allowed(path, at_start) and not _allowed(os.path.realpath(path), at_start):
            raise DownlinkError(
                f"{path}: the job imported this file, which is neither source code of this "
                "checkout nor of a locked package. Move it away, or add its package to the lock."
            )
    return paths


@cache
def _allowed_places() -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Folders of installed packages, of this checkout's code, and of Python's own modules."""

    def folders(*names: str) -> tuple[str, ...]:
        return tuple(f"{sysconfig.get_path(name)}/" for name in names)

    own = tuple(f"{ROOT}/{name}/" for name in (PACKAGE, "scripts"))
    return folders("purelib", "platlib"), own, folders("stdlib", "platstdlib")


def _allowed(path: str, at_start: Installation | None) -> bool:
    sites, own, standard = _allowed_places()
    if path.startswith(sites):
        within = path.removeprefix(next(filter(path.startswith, sites)))
        return at_start is None or at_start.offers(within)
    if path.startswith(own):
        return path.endswith(".py")
    return path.startswith(standard)


def _project_files() -> list[Path]:
    return [*ROOT.glob("scripts/*.py"), *ROOT.glob("workflow_lib/**/*.py")]


def _state(file: Path) -> tuple[int, int] | None:
    """Modification time and size, which change when a file is written."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _seeds(parameters: dict[str, list[str]]) -> dict[str, int]:
    """Every integer under a key `seed` or `seeds`, by its path in the parameters."""
    found: dict[str, int] = {}

    def look(value: Any, place: str) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                look(inner, f"{place}.{name}" if place else name)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                look(inner, f"{place}.{index}" if len(value) > 1 else place)
        elif isinstance(value, int) and re.search(r"(^|\.)seeds?(\.\d+)?$", place):
            found[place] = value

    for name, values in parameters.items():
        look([parsed(value) for value in values], name)
    return found
