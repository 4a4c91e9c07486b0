"""Compare what the plan tells a job with what the job's record says.

Snakemake's own memory, `.snakemake`, belongs to a checkout and not to the results. So the plan and
the audit compare each job with its sidecar, by the functions of this module.
"""

import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from workflow_lib.provenance.sidecar import Sidecar

CODE_CHANGED = "its code or the packages that this needs have changed"
_JOB = "3<<<"
"""In a job's command, what precedes the description of the job as JSON."""


@dataclass(frozen=True)
class Told:
    """What a job is told.

    Attributes:
        rule: the rule's name.
        wildcards: the values of the rule's wildcards.
        parameters: the options of the command line by name, without dashes.
        inputs, outputs: paths.
        code: digest of all code that the job can reach (`digests.code_digest`).
        shell: digest of the rule's command and of what precedes every command.
        free: options that change no result, e.g. a number of threads.
        sidecar: path of the job's record.
    """

    rule: str
    wildcards: Mapping[str, str]
    parameters: Mapping[str, list[str]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    code: str
    shell: str
    free: tuple[str, ...]
    sidecar: str

    @classmethod
    def of_command(cls, command: str) -> Self:
        """Read the shell command of a job, which contains the job's description."""
        words = shlex.split(command)
        job = json.loads(words[-1].removeprefix(_JOB))
        script = next(n for n, word in enumerate(words) if "/scripts/" in word)
        end = next(n for n, word in enumerate(words) if n > script and word in ("<", ">"))
        arguments = words[script + 1 : end]
        return cls(
            rule=job["rule"],
            wildcards=job["wildcards"],
            parameters=options(arguments),
            inputs=tuple(job["inputs"]),
            outputs=tuple(job["outputs"]),
            code=job["code"],
            shell=job["shell"],
            free=tuple(job["free"]),
            sidecar=job["sidecar"],
        )


def summary(job: Mapping[str, Any]) -> dict[str, str]:
    """What a sidecar keeps of a job's description beside the command line: digests by name."""
    return {
        "inputs": _digest(sorted(job["inputs"])),
        "outputs": _digest(sorted(job["outputs"])),
        "code": job["code"],
        "shell": job["shell"],
    }


def differences(told: Told, record: Sidecar | None) -> list[str]:
    """List in words how a job's instructions differ from its record.

    Each one is a phrase such as "epsilon: 0.01 on record, now 0.05".
    """
    if record is None:
        return ["there is no intact record of this job"]
    found: list[str] = []
    if record.rule != told.rule:
        found.append(f"rule: {record.rule} on record, now {told.rule}")
    found += _changes("", dict(record.wildcards), dict(told.wildcards))
    for name in sorted({*record.parameters, *told.parameters} - {*told.free}):
        old, new = (of.get(name) for of in (record.parameters, told.parameters))
        if old != new:
            found += _changes(name, _values(old), _values(new))
    now = summary(vars(told))
    missing = [name for name in told.inputs if name not in record.inputs]
    what = {
        "inputs": f"it did not read {missing[0]}" if missing else "it read other inputs",
        "outputs": "it made other outputs",
        "code": CODE_CHANGED,
        "shell": "the rule's command, or what precedes it, has changed",
    }
    return found + [text for name, text in what.items() if record.told.get(name) != now[name]]


def other_inputs(record: Sidecar, producers: Iterable[Sidecar | None]) -> list[str]:
    """Inputs whose bytes differ from those that their producer's record names."""
    return [
        f"{name} was made again since"
        for producer in producers
        if producer
        for name, digest in producer.outputs.items()
        if record.inputs.get(name, digest) != digest
    ]


def other_packages(record: Sidecar, present: Mapping[str, str]) -> list[str]:
    """Packages that the job ran with in another version than the locked one, installed now.

    If what is installed now is not as locked, another run would be no better.
    Suffixes of builds, such as "+cpu", do not count.
    """
    return [
        f"{name}: {version} on record, now {present[name]} is installed"
        for name, version in record.packages.items()
        if name in present
        and version.partition("+")[0]
        != present[name].partition("+")[0]
        == record.locked.get(name, "").partition("+")[0]
    ]


def other_installation(
    record: Sidecar, patched: Iterable[str], present: Mapping[str, str]
) -> list[str]:
    """Packages that the job ran with otherwise altered than they are now.

    Args:
        record: the job's record; nothing is compared if nobody compared when it ran.
        patched: the packages that the study declares to be altered on purpose.
        present: digests of packages that are altered now (`Installation.altered`).
    """
    then = record.altered or {}
    compared = record.altered is not None
    # files stand for themselves; names of packages have no dot
    declared = {name for name in patched if compared and (name in record.locked or "." in name)}
    return [
        f"{name}: the job ran with another content of it than is installed now"
        for name in sorted({*then, *declared})
        if then.get(name) != present.get(name)
    ]


def options(arguments: Iterable[str]) -> dict[str, list[str]]:
    """The values of every option of a command line."""
    found: dict[str, list[str]] = {}
    own: list[str] = []
    for argument in arguments:
        if argument.startswith("--"):
            own = found.setdefault(argument.removeprefix("--"), [])
        else:
            own.append(argument)
    return found


def _values(values: list[str] | None) -> Any:
    """Values of an option, with JSON read, so that differences can be named by key."""
    if values is None:
        return _NOTHING
    found = [parsed(value) for value in values]
    return found[0] if len(found) == 1 else found


def parsed(value: str) -> Any:
    """Read a value as JSON; a value that is none stays text."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


_NOTHING = object()
"""Stands for an option or a key that is not there, which differs from one that is null."""


def _changes(place: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            inner = f"{place}.{name}" if place else name
            yield from _changes(inner, old.get(name, _NOTHING), new.get(name, _NOTHING))
    elif _shown(old, None) != _shown(new, None):
        yield f"{place}: {_shown(old)} on record, now {_shown(new)}"


def _shown(value: Any, longest: int | None = 60) -> str:
    """A value as JSON, which tells true from 1 and 1 from 1.0."""
    text = "nothing" if value is _NOTHING else json.dumps(value, ensure_ascii=False)
    return text if longest is None or len(text) <= longest else f"{text[: longest - 3]}..."


def _digest(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
