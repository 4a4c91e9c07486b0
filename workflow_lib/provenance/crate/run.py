"""Describe the run of a study as actions: one per job, one for the workflow and the engine."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.crate.data import Parts
from workflow_lib.provenance.crate.workflow import FOLDER
from workflow_lib.provenance.environment import Commit
from workflow_lib.provenance.jobs import first_output
from workflow_lib.provenance.sidecar import Sidecar

_COMPLETED = {"@id": "http://schema.org/CompletedActionStatus"}


@dataclass
class Run:
    """Builder of a crate's actions, with the properties that jobs share.

    Attributes:
        crate: the crate.
        workflow: its main entity.
        results: the results folder, as sidecars name it.
        parts: all data by the path that sidecars use.
        common: properties of every action: the agent and the environment variables.
        positions: order of the rules.
        controls: the steps' executions so far.
        commits: the project's states in git that jobs were run from.
        times: first start and last end so far.
    """

    crate: ROCrate
    workflow: Any
    results: str
    parts: Parts
    common: Mapping[str, Any]
    positions: Mapping[str, int]
    controls: list[Any] = field(default_factory=list)
    commits: set[Commit] = field(default_factory=set)
    times: list[str] = field(default_factory=list)

    def add(self, identifier: str, kind: str, **properties: Any) -> Any:
        """Add a contextual entity, or return the existing one of this identifier."""
        if identifier in self.crate:  # get() is slow for identifiers that do not exist
            return self.crate.get(identifier)
        return self.crate.add(ContextEntity(self.crate, identifier, {"@type": kind, **properties}))

    def add_job(self, file: Path, job: Sidecar) -> None:
        """Add a job: the run of the rule's script, and the execution of the rule's step."""
        made_first = self._name(job)
        name = quote(made_first)
        tool = self._tool(job)
        made, read, values = self._slots(job, tool)
        action = self.add(
            f"#job/{name}",
            "CreateAction",
            name=f"{job.rule} {made_first}",
            description=", ".join(_facts(job)),
            instrument=tool,
            object=read + values,
            result=made,
            startTime=job.start,
            endTime=job.end,
            actionStatus=_COMPLETED,
            location=self._machine(job),
            resourceUsage=self._memory(name, job),
            subjectOf=self.parts[str(file)],
            **self.common,
        )
        self.crate.root_dataset.append_to("mentions", action)
        self.parts[str(file)]["about"] = action
        self.controls.append(
            self.add(
                f"#step/{name}",
                "ControlAction",
                name=f"{job.rule} as a step",
                instrument=self._step(job.rule, tool),
                object=action,
                actionStatus=_COMPLETED,
            )
        )
        self.times += [job.start, job.end]
        self.times[:] = [min(self.times), max(self.times)]
        self.commits.add(Commit(job.commit, job.clean))

    def _name(self, job: Sidecar) -> str:
        return first_output(job).removeprefix(f"{self.results}/")

    def _tool(self, job: Sidecar) -> Any:
        """The script that the job ran."""
        scripts = [path for path in job.code if path.startswith("scripts/")]
        if len(scripts) != 1:
            raise DownlinkError(
                f"{self._name(job)}: its sidecar names {len(scripts)} scripts, not one."
            )
        tool = self.parts[scripts[0]]
        if "softwareRequirements" not in tool:
            self.workflow.append_to("hasPart", tool)
            tool["softwareRequirements"] = []
            tool["runtimePlatform"] = []
        known = {entity.id for entity in tool["softwareRequirements"]}
        for name, version in job.packages.items():
            identifier = f"pkg:pypi/{name}@{quote(version)}"
            if identifier not in known:
                package = self.add(
                    identifier, "SoftwareApplication", name=name, softwareVersion=version
                )
                tool.append_to("softwareRequirements", package)
        if f"Python {job.python}" not in tool["runtimePlatform"]:
            tool.append_to("runtimePlatform", f"Python {job.python}")
        return tool

    def _step(self, rule: str, tool: Any) -> Any:
        place = {"position": self.positions[rule]} if rule in self.positions else {}
        step = self.add(
            f"{FOLDER}/Snakefile#{rule}", "HowToStep", name=rule, workExample=tool, **place
        )
        _append_once(self.workflow, "step", step)
        return step

    def _slots(self, job: Sidecar, tool: Any) -> tuple[list[Any], list[Any], list[Any]]:
        """The job's outputs, its input data, and its other options.

        Data that an option names become examples of the tool's formal parameter.
        """
        made = {path: self.parts[path] for path in job.outputs}
        read = {path: self.parts[path] for path in job.inputs}
        values = []
        for option, given in job.parameters.items():
            named = [self.parts[path] for path in given if path in self.parts]
            if named and len(named) == len(given):
                kind = "Dataset" if "Dataset" in named[0].type else "File"
                slot = self._slot(tool, option, kind, "output" if given[0] in made else "input")
                for entity in named:
                    _append_once(entity, "exampleOfWork", slot)
                read |= {path: self.parts[path] for path in given if path not in made}
            else:
                slot = self._slot(tool, option, "Text", "input")
                values.append(self._value(slot, [portable(text) for text in given]))
        return list(made.values()), list(read.values()), values

    def _slot(self, tool: Any, option: str, kind: str, role: str) -> Any:
        slot = self.add(f"{tool.id}#{option}", "FormalParameter", name=option, additionalType=kind)
        _append_once(tool, role, slot)
        return slot

    def _value(self, slot: Any, given: Sequence[str]) -> Any:
        value = (given[0] if len(given) == 1 else list(given)) if given else "true"
        tool, option = slot.id.removeprefix(f"{FOLDER}/scripts/").split("#")
        return self.add(
            f"#option/{tool}/{option}/{_short(given)}",
            "PropertyValue",
            name=option,
            value=value,
            exampleOfWork=slot,
        )

    def _machine(self, job: Sidecar) -> Any:
        traits = {
            "platform": job.platform,
            "processor": job.cpu,
            "GPU": job.gpu,
            "driver": job.driver,
        }
        identifier = f"#machine/{_short([job.node, *map(str, traits.values())])}"
        if identifier in self.crate:
            return self.crate.get(identifier)
        properties = [
            self.add(f"{identifier}/{name}", "PropertyValue", name=name, value=value)
            for name, value in traits.items()
            if value is not None
        ]
        return self.add(identifier, "Place", name=job.node, additionalProperty=properties)

    def _memory(self, name: str, job: Sidecar) -> Any:
        return self.add(
            f"#memory/{name}",
            "PropertyValue",
            name="peak memory (VmHWM)",
            propertyID="https://man7.org/linux/man-pages/man5/proc_pid_status.5.html",
            unitCode="https://qudt.org/vocab/unit/MegaBYTE",
            unitText="MB",
            value=job.peak_memory_mb,
        )

    def add_whole(self, engine: Any, objects: Sequence[Any], results: Sequence[Any]) -> Any:
        """Add the runs of the workflow and of the engine; call this after all jobs."""
        start, end = self.times
        run = self.add(
            "#run",
            "CreateAction",
            name=f"run of {self.workflow['name']}",
            instrument=self.workflow,
            object=list(objects),
            result=list(results),
            startTime=start,
            endTime=end,
            actionStatus=_COMPLETED,
            **self.common,
        )
        self.add(
            "#engine",
            "OrganizeAction",
            name=f"run of {engine['name']} {engine['softwareVersion']}",
            instrument=engine,
            object=self.controls,
            result=run,
            startTime=start,
            endTime=end,
            actionStatus=_COMPLETED,
            **{key: value for key, value in self.common.items() if key == "agent"},
        )
        return run


def portable(value: str) -> str:
    """An option's value with each absolute path, also within JSON, reduced to its file name."""
    try:
        content = json.loads(value)
    except ValueError:
        return _without_folder(value)
    if isinstance(content, dict | list):
        return json.dumps(_without_folders(content), separators=(",", ":"), ensure_ascii=False)
    return value


def _without_folders(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_folders(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_folders(value) for value in content]
    return _without_folder(content) if isinstance(content, str) else content


def _without_folder(text: str) -> str:
    return Path(text).name if text.startswith(("/", "~")) else text


def _facts(job: Sidecar) -> Iterator[str]:
    """Key facts of a job for its description; the sidecar has all of them."""
    yield from (f"{name} {value}" for name, value in job.wildcards.items())
    if job.device is not None:
        yield f"on {job.device}"
    if job.threads is not None:
        yield f"threads of torch: {job.threads}"
    if job.slurm_job is not None:
        yield f"Slurm job {job.slurm_job} on {job.slurm_node}"


def _append_once(entity: Any, term: str, other: Any) -> None:
    if {"@id": other.id} not in entity.as_jsonld().get(term, []):
        entity.append_to(term, other)


def _short(texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
