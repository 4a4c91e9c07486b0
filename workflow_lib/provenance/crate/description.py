"""Write the artifact description and evaluation that SC requires, from a study's crate alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jinja2
from rocrate.rocrate import ROCrate

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.overlays import DEFAULTS, DEMO

_TEMPLATE = "description.md.j2"
_NOT_OVERLAYS = {f"workflow/{name}" for name in (DEFAULTS, DEMO)}
# The packages that affect results most.
_MAIN_SOFTWARE = (
    "torch",
    "compressai",
    "constriction",
    "segmentation-models-pytorch",
    "glymur",
    "imagecodecs",
    "rasterio",
    "zarr",
    "xarray",
    "dask",
    "numpy",
    "scipy",
    "pandas",
)


@dataclass(frozen=True)
class TaskSummary:
    """A step of the workflow with the totals of its jobs.

    Attributes:
        name: T1, T2, …, in an order in which tasks can run.
        rule: the rule.
        purpose: what its script does.
        after: the tasks whose outputs it reads.
        jobs: how often it was run.
        minutes: total duration of its jobs.
        memory_mb: peak memory of a single job, in MB of 10^6 bytes.
    """

    name: str
    rule: str
    purpose: str
    after: tuple[str, ...]
    jobs: int
    minutes: float
    memory_mb: float


@dataclass(frozen=True)
class SourceFile:
    """A file that a dataset's scenes are read from, or a scene if it is generated.

    Attributes:
        name: the file.
        identifier: package and version of an archive, empty for other files.
        sha256: its digest.
    """

    name: str
    identifier: str
    sha256: str


@dataclass(frozen=True)
class DatasetSummary:
    """A dataset of the study."""

    title: str
    caption: str
    credit: str
    licenses: tuple[str, ...]
    scenes: int
    sources: tuple[SourceFile, ...]


@dataclass(frozen=True)
class Machine:
    """A kind of machine on which jobs ran."""

    platform: str
    processor: str
    gpu: str
    driver: str
    jobs: int


def describe_artifact(folder: Path) -> str:
    """Render the description of a crate as Markdown.

    Raises:
        DownlinkError: the folder is not the crate of a study.
    """
    try:
        crate = ROCrate(folder)
        facts = _facts(crate, folder)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise DownlinkError(
            f"{folder}: this is not a crate of a study ({error!r}). Run `make crate` first."
        ) from error
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(_TEMPLATE).render(facts)


def _facts(crate: ROCrate, folder: Path) -> dict[str, Any]:
    run, engine = crate.get("#run"), crate.get("#engine")
    jobs = [control["object"] for control in engine["object"]]
    tasks = _tasks(engine["object"])
    tools = crate.mainEntity["hasPart"]
    packages = {p["name"]: p["softwareVersion"] for t in tools for p in t["softwareRequirements"]}
    return {
        "study": crate.name.removeprefix("Downlink study "),
        "version": crate.mainEntity["version"],
        "origin": run["description"],
        "title": crate.mainEntity["name"],
        "abstract": _abstract(crate.mainEntity["description"], run["description"]),
        "license": crate.mainEntity["license"]["name"],
        "authors": [author["name"] for author in crate.mainEntity["author"]],
        "profiles": [profile["name"] for profile in crate.root_dataset["conformsTo"]],
        "overlays": [
            entity.id.removeprefix("workflow/")
            for entity in run["object"]
            if entity.id.startswith("workflow/") and entity.id not in _NOT_OVERLAYS
        ],
        "date": run["endTime"][:10],
        "jobs": len(jobs),
        "tasks": tasks,
        "work_minutes": sum(task.minutes for task in tasks),
        "span_minutes": _minutes(run),
        "memory_mb": max(task.memory_mb for task in tasks),
        "disk_gb": _bytes(crate, folder) / 1e9,
        "machines": _machines(jobs),
        "threads": run["environment"][0]["value"],
        "python": sorted({text for tool in tools for text in tool["runtimePlatform"]}),
        "engine": f"{engine['instrument']['name']} {engine['instrument']['softwareVersion']}",
        "software": [f"{name} {packages[name]}" for name in _MAIN_SOFTWARE if name in packages],
        "packages": len(packages),
        "datasets": _datasets(crate, jobs),
        "results": run["result"],
    }


def _tasks(controls: Iterable[Any]) -> list[TaskSummary]:
    """The steps in order, with the totals of their jobs."""
    by_step: dict[str, list[Any]] = {}
    steps: dict[str, Any] = {}
    for control in controls:
        steps[control["instrument"].id] = control["instrument"]
        by_step.setdefault(control["instrument"].id, []).append(control["object"])
    ordered = sorted(steps, key=lambda step: (steps[step].get("position", 0), step))
    names = {step: f"T{number}" for number, step in enumerate(ordered, 1)}
    makers = {
        made.id: step for step, jobs in by_step.items() for job in jobs for made in job["result"]
    }
    tasks = []
    for step in ordered:
        jobs = by_step[step]
        before = {makers.get(read.id) for job in jobs for read in job["object"]} - {None, step}
        tasks.append(
            TaskSummary(
                name=names[step],
                rule=steps[step]["name"],
                purpose=_first_sentence(steps[step]["workExample"]["description"]),
                after=tuple(names[other] for other in ordered if other in before),
                jobs=len(jobs),
                minutes=sum(map(_minutes, jobs)),
                memory_mb=max(job["resourceUsage"]["value"] for job in jobs),
            )
        )
    return tasks


def _machines(jobs: Iterable[Any]) -> list[Machine]:
    """The kinds of machines, without their names."""
    counted: dict[tuple[str, str, str, str], int] = {}
    for job in jobs:
        properties = job["location"]["additionalProperty"]
        traits = {entity["name"]: entity["value"] for entity in properties}
        kind = (
            traits.get("platform", ""),
            traits.get("processor", ""),
            traits.get("GPU", ""),
            traits.get("driver", ""),
        )
        counted[kind] = counted.get(kind, 0) + 1
    return [Machine(*kind, jobs=count) for kind, count in sorted(counted.items())]


def _datasets(crate: ROCrate, jobs: Iterable[Any]) -> list[DatasetSummary]:
    makers = {made.id: job for job in jobs for made in job["result"]}
    datasets = []
    for folder in crate.root_dataset["hasPart"]:
        if folder.type != "Dataset" or "creditText" not in folder:
            continue
        scenes = [
            entity
            for name in makers
            if name.startswith(f"{folder.id}scenes/") and (entity := crate.get(name))
        ]
        read = {
            entity.id: entity
            for scene in scenes
            for entity in makers[scene.id]["object"]
            if entity.id.startswith(("#archive/", "#elsewhere/"))
        }
        sources = [read[name] for name in sorted(read)] or scenes
        datasets.append(
            DatasetSummary(
                title=folder["name"],
                caption=folder["description"],
                credit=folder["creditText"],
                licenses=tuple(license["name"] for license in folder.get("license", [])),
                scenes=len(scenes),
                sources=tuple(
                    SourceFile(entity["name"], entity.get("identifier", ""), entity["sha256"])
                    for entity in sources
                ),
            )
        )
    return datasets


def _bytes(crate: ROCrate, folder: Path) -> int:
    """Size of the crate: stores are measured on disk, other sizes are in the metadata."""
    parts = crate.root_dataset["hasPart"]
    stores = [folder / unquote(part.id) for part in parts if part.type == "Dataset"]
    below = (file for store in stores if store.suffix == ".zarr" for file in store.rglob("*"))
    return sum(int(part.get("contentSize", 0)) for part in parts) + sum(
        file.stat().st_size for file in below if file.is_file()
    )


def _minutes(action: Any) -> float:
    start, end = (datetime.fromisoformat(action[key]) for key in ("startTime", "endTime"))
    return (end - start).total_seconds() / 60


def _first_sentence(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0].rstrip(".")


def _abstract(description: str, origin: str) -> str:
    return " ".join(description.removesuffix(origin).split())
