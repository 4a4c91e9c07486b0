"""The sidecar of a job: a JSON record of its inputs, outputs, code, software and machine."""

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from workflow_lib.errors import DownlinkError
from workflow_lib.notes import Attempt


@dataclass(frozen=True)
class Sidecar:
    """A finished job. Digests are hexadecimal SHA-256.

    Attributes:
        rule: the rule, as `rules/` names it.
        wildcards: the values of the rule's wildcards.
        parameters: the options of the job's command line by name, without dashes.
        told: digests of what the job was told beside its command line: names of inputs and
            outputs, code, shell command (`told.summary`).
        inputs: digests of the files that the job read, by path: relative to the project's folder,
            or absolute.
        outputs: digests of the files that it made, by path; folders use `files.tree_sha256`.
        code: digests of the project's modules that were loaded (`digests.file_digest`), by path
            below the project's root; EDITED where a file was changed while the job ran.
        commit: the git commit of the project, None where it is under no git.
        clean: whether that commit held every file that the job ran, and no tracked file differed
            from it; None under no git.
        lock: digest of envs/requirements.lock.
        locked: versions of the lock's packages that the code can reach, by name.
        packages: the versions of the same packages that were installed.
        altered: what differed from the packages as their makers recorded them: digests of the
            differing files by package, and files that were changed while the study ran
            (`installation.Installation`). None if nobody compared when the run began.
        recorder: digest of the files that recorded the job; they change no result.
        python: version of Python.
        platform: operating system, its version and the processor's kind.
        node: name of the machine.
        cpu: model of its processor.
        gpu: name of the GPU that torch was given, None without.
        driver: version of its driver, None without.
        device: where networks ran (`cpu`, `cuda`), None in jobs without networks.
        threads: threads of one operation of torch, None in jobs without torch.
        instructions: instruction sets in use, by library, as each reports its own.
        variables: variables of the environment that can change numbers.
        seeds: every seed among the parameters, by its place in them.
        start, end: UTC, ISO 8601.
        earlier: machines and times of earlier attempts, if a training resumed from a checkpoint.
        peak_memory_mb: peak memory of the job's process, in MB of 10^6 bytes.
        recording_s: seconds spent on this record, without writing the file.
        slurm_job: Slurm's id of the job, None without Slurm.
        slurm_node: Slurm's name of the node, None without Slurm.
    """

    rule: str
    wildcards: dict[str, str]
    parameters: dict[str, list[str]]
    told: dict[str, str]
    inputs: dict[str, str]
    outputs: dict[str, str]
    code: dict[str, str]
    commit: str | None
    clean: bool | None
    lock: str
    locked: dict[str, str]
    packages: dict[str, str]
    altered: dict[str, str] | None
    recorder: str
    python: str
    platform: str
    node: str
    cpu: str
    gpu: str | None
    driver: str | None
    device: str | None
    threads: int | None
    instructions: dict[str, str]
    variables: dict[str, str]
    seeds: dict[str, int]
    start: str
    end: str
    earlier: list[Attempt]
    peak_memory_mb: float
    recording_s: float
    slurm_job: str | None
    slurm_node: str | None

    @property
    def seconds(self) -> float:
        """Duration of the job in seconds, without earlier attempts."""
        took = datetime.fromisoformat(self.end) - datetime.fromisoformat(self.start)
        return took.total_seconds()

    def to_text(self) -> str:
        """Serialise as JSON that ends with its own digest, so that any change is detected."""
        content = vars(self)
        return _text({**content, "sha256": hashlib.sha256(_text(content).encode()).hexdigest()})

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a sidecar and verify its digest.

        Raises:
            DownlinkError: the file is not a sidecar, or has changed since it was written.
        """
        try:
            content = json.loads(file.read_bytes())
            names = {field.name for field in fields(cls)}
            sidecar = cls(**{name: content[name] for name in names})
            whole = sidecar.to_text().encode() == file.read_bytes()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DownlinkError(f"{file}: this is not a readable sidecar ({error}).") from error
        if not whole:
            raise DownlinkError(f"{file}: this sidecar was changed after it was written.")
        return sidecar


EDITED = "edited while the job ran"
"""Replaces the digest of a code file that was edited while the job ran."""


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
