"""Parts of a rule: its command, and the functions that Snakemake calls for each of its jobs.

Job scripts must not import this module: each of its edits would run their jobs again.
"""

import inspect
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from workflow_lib.paths import Paths
from workflow_lib.provenance.digests import LAUNCHER, code_digest

INTERPRETER, CHECKOUT = "DOWNLINK_PYTHON", "DOWNLINK_ROOT"
"""Environment variables that name the interpreter of jobs and the folder of the Snakefile."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def command(script: str, options: str) -> str:
    """Shell command of a rule, as a template of Snakemake's.

    The script writes its log and reads the job's record from file descriptor 3. `exec` lets SIGTERM
    reach the script; a shell would end at once, before a training has saved its state.
    """
    return (
        f'DOWNLINK_JOB=/dev/fd/3 exec "${INTERPRETER}" -I "${CHECKOUT}"/{LAUNCHER}'
        f' "${CHECKOUT}"/scripts/{script}.py {options}'
        " > {log:q} 2>&1 3<<<{params.job:q}"
    )


def code(script: str, *files: str) -> str:
    """Digest of a script and of all code that it runs; a rule runs again when it changes.

    Args:
        script: name of the script.
        files: modules that the script finds by name only, as paths below the project's folder.
    """
    return code_digest(LAUNCHER, f"scripts/{script}.py", *files)


def run_folder(paths: Paths, script: str, artifact: str) -> str:
    """Folder of a training's checkpoint; changed code does not continue an older checkpoint."""
    return f"{paths.run_folder(artifact)}/{code(script)[:12]}"


def codec_run_folder(
    paths: Paths, script: str, artifact: str, codec_file: Callable[[str], str]
) -> Callable[[Any], str]:
    """Function of a job's wildcards: `run_folder` of a training that runs the job's codec.

    Args:
        paths: names of artifacts.
        script: name of the script.
        artifact: what the training writes, with wildcards.
        codec_file: gives the source file of a codec's module.
    """

    def folder(wildcards: Any) -> str:
        filled = artifact.format(**dict(wildcards.items()))
        return f"{paths.run_folder(filled)}/{code(script, codec_file(wildcards.codec))[:12]}"

    return _signed(folder)


def by_wildcards(method: Callable[..., Any]) -> Callable[[Any], Any]:
    """Function of a job's wildcards that calls `method` with those that its parameters name.

    Each combination of wildcards is computed once.
    """
    names, call = inspect.signature(method).parameters, cache(method)
    return _signed(lambda wildcards: call(**{k: v for k, v in wildcards.items() if k in names}))


def each_attempt(first: int) -> Callable[[Any, int], int]:
    """Memory or time of a job; each further attempt asks for as much again."""
    return _signed(lambda wildcards, attempt: first * attempt)


def places(interpreter: str, checkout: str) -> str:
    """Shell commands that name the interpreter and the checkout that jobs run."""
    return f"export {INTERPRETER}={shlex.quote(interpreter)} {CHECKOUT}={shlex.quote(checkout)}; "


def recorder(
    paths: Paths, root: Path, commit: tuple[str | None, bool | None], shell: Callable[[str], str]
) -> Callable[..., Callable[..., str]]:
    """Function that makes the parameter `job` of a rule: the record that a script starts from.

    Args:
        paths: names of artifacts.
        root: the checkout.
        commit: its commit and whether that is clean; may change without any job running again.
        shell: gives the digest of what the shell runs for a rule.
    """

    def record(
        rule: str, code: str | Callable[[Any], str], free: Sequence[str] = ()
    ) -> Callable[..., str]:
        """Describe the jobs of a rule.

        Args:
            rule: the rule's name.
            code: digest of the code, or its function of the wildcards.
            free: options of the command line that change no result.
        """

        def describe(
            wildcards: Mapping[str, str], input: Sequence[str], output: Sequence[str]
        ) -> str:
            described = {
                "rule": rule,
                "wildcards": dict(wildcards.items()),
                "inputs": list(input),
                "outputs": list(output),
                "sidecar": paths.sidecar(output[0]),
                "root": str(root),
                "commit": commit,
                "code": code(wildcards) if callable(code) else code,
                "shell": shell(rule),
                "free": list(free),
            }
            return json.dumps(described)

        return _signed(describe)

    return record


def _signed(function: _Function) -> _Function:
    """Store the signature, which Snakemake would otherwise work out at every call."""
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return function
