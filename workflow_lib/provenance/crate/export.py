"""Export a finished study as a Workflow Run RO-Crate: its results and how each was made.

Profile: Provenance Run Crate 0.6 of RO-Crate 1.3 (https://w3id.org/ro/wfrun/provenance/0.6).
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rocrate.model import ContextEntity
from rocrate.model.metadata import BASENAME
from rocrate.rocrate import ROCrate

from workflow_lib.config.study import Study
from workflow_lib.files import atomic, sha256
from workflow_lib.paths import Paths
from workflow_lib.provenance.crate.code_origin import origin, present_commit, require_locked
from workflow_lib.provenance.crate.data import (
    add_found,
    add_results,
    add_sidecars,
    add_workflow_files,
)
from workflow_lib.provenance.crate.lineage import Lineage, targets, trace
from workflow_lib.provenance.crate.people import (
    add_agent,
    add_author,
    add_license,
    read_citation,
)
from workflow_lib.provenance.crate.run import Run
from workflow_lib.provenance.crate.workflow import (
    FOLDER,
    copy_workflow,
    workflow_files,
)
from workflow_lib.provenance.environment import Commit
from workflow_lib.provenance.lock import read_lock
from workflow_lib.provenance.overlays import DEFAULTS, DEMO, overlay_names

CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.6": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.6": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.6": "Provenance Run Crate",
}


class Exported(NamedTuple):
    """A crate: the file `ro-crate-metadata.json`, and whether its workflow is the one that ran."""

    metadata: Path
    origin: str


def export_crate(
    study: Study,
    root: Path,
    overlays: Sequence[Path] = (),
    agent: str | None = None,
    folder: Path | None = None,
) -> Exported:
    """Turn a study's results folder into a crate.

    Only the workflow's own files are copied, into `workflow/`. The same sidecars and the same state
    of the project give the same bytes.

    Args:
        study: the study.
        root: the project's folder.
        overlays: the study's own files; none is the demo.
        agent: who ran the study, as `Name` or `Name <ORCID>`.
        folder: where the study ran: results and sidecars name files from there; by default `root`.

    Raises:
        DownlinkError: the study is not finished, a sidecar is missing, or a file, the code or the
            lock has changed since a job read it.
    """
    paths = Paths(study.results)
    folder = folder or root
    lineage = trace(paths, folder)
    results = folder / study.results
    files = workflow_files(root, overlays)
    citation = read_citation(root / "CITATION.cff")
    crate = ROCrate()
    crate.metadata.extra_contexts.append(CONTEXT)
    workflow = _add_workflow(crate, citation, files["Snakefile"], root)
    own = add_workflow_files(crate, files)
    workflow["buildInstructions"] = own["envs/requirements.lock"]
    parts = own | add_results(crate, study, lineage, folder)
    parts |= add_found(crate, study, lineage, own) | add_sidecars(crate, lineage, results)
    run = Run(
        crate, workflow, study.results, parts, _common(crate, study, agent), lineage.positions
    )
    _add_jobs(run, lineage, files["envs/requirements.lock"])
    laid_over = [own[name] for name in overlay_names(overlays, root)]
    elsewhere = [parts[path] for path in lineage.found if path not in own]
    made = [parts[path] for path in targets(paths)]
    configuration = [own[DEFAULTS], *(laid_over or [own[DEMO]])]
    whole = run.add_whole(_engine(crate, root), [*configuration, *elsewhere], made)
    _describe_interface(run, laid_over, made)
    here = present_commit(root, files)
    statement = origin(run.commits, here)
    _describe_origin(workflow, whole, statement, _version(citation["version"], here))
    _describe_root(crate, study, lineage, whole, run.times[1])
    copy_workflow(files, results)
    target = results / str(BASENAME)
    with atomic(target) as draft:
        crate.metadata.write(draft.parent)
    return Exported(target, statement)


def packing(study: Study, folder: Path) -> str:
    """The command that packs a crate, run from the folder in which the study ran.

    It packs the folders of datasets and `provenance/` whole, including files not in the metadata.
    """
    paths = Paths(study.results)
    names = [BASENAME, FOLDER, "provenance", "archives", *study.selected().datasets]
    names += [Path(path).name for path in targets(paths)]
    there = [name for name in names if (folder / study.results / name).exists()]
    pack = ["python", "-m", "zipfile", "-c", str(folder / f"{study.name}.crate.zip"), *there]
    return f"(cd -- {shlex.quote(study.results)} && {shlex.join(pack)})"


def _add_workflow(crate: ROCrate, citation: dict[str, Any], main: Path, root: Path) -> Any:
    workflow = crate.add_workflow(
        main,
        f"{FOLDER}/Snakefile",
        main=True,
        lang="snakemake",
        lang_version=_snakemake(root),
        properties={
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": citation["title"],
            "description": citation["abstract"].strip(),
            "sha256": sha256(main),
            "contentSize": str(main.stat().st_size),
            "encodingFormat": "text/plain",
            "license": add_license(crate, citation["license"]),
            "author": [add_author(crate, author) for author in citation["authors"]],
            "hasPart": [],
            "step": [],
        },
    )
    for identifier, name in PROFILES.items():
        kind = {"@type": ["CreativeWork", "Profile"]}
        profile = ContextEntity(crate, identifier, {**kind, "name": name, "version": "0.6"})
        crate.root_dataset.append_to("conformsTo", crate.add(profile))
    return workflow


def _add_jobs(run: Run, lineage: Lineage, lock: Path) -> None:
    digest, locked = sha256(lock), read_lock(lock)
    for file, job in lineage.jobs():
        if job.lock != digest:
            require_locked(job, locked)
        run.add_job(file, job)


def _describe_origin(workflow: Any, whole: Any, statement: str, version: str) -> None:
    """Add the version and the statement of origin to the workflow, its scripts and its run."""
    for code in (workflow, *workflow["hasPart"]):
        code["version"] = version
    workflow["description"] += f" {statement}"
    whole["description"] = statement


def _common(crate: ROCrate, study: Study, agent: str | None) -> dict[str, Any]:
    """Properties of all actions: the agent and the exported environment variables."""
    variables = {"OMP_NUM_THREADS": str(study.threads), "OMP_WAIT_POLICY": "PASSIVE"}
    environment = [
        crate.add(
            ContextEntity(
                crate,
                f"#environment/{name}",
                {"@type": "PropertyValue", "name": name, "value": value},
            )
        )
        for name, value in variables.items()
    ]
    return {
        "environment": environment,
        **({"agent": add_agent(crate, agent)} if agent is not None else {}),
    }


def _engine(crate: ROCrate, root: Path) -> Any:
    version = _snakemake(root)
    return crate.add(
        ContextEntity(
            crate,
            f"pkg:pypi/snakemake@{version}",
            {
                "@type": "SoftwareApplication",
                "name": "Snakemake",
                "softwareVersion": version,
                "url": "https://snakemake.readthedocs.io",
            },
        )
    )


def _snakemake(root: Path) -> str:
    return read_lock(root / "envs" / "requirements.lock")["snakemake"]


def _describe_interface(run: Run, laid_over: Sequence[Any], results: Sequence[Any]) -> None:
    """Add the workflow's input `--configfile`, and its outputs: the targets of rule `all`."""
    for role, name, entities in (
        ("input", "configfile", laid_over),
        *(("output", result["name"], [result]) for result in results),
    ):
        slot = run.add(
            f"{run.workflow.id}#{role}/{name}", "FormalParameter", name=name, additionalType="File"
        )
        run.workflow.append_to(role, slot)
        for entity in entities:
            entity.append_to("exampleOfWork", slot)


def _version(release: str, state: Commit) -> str:
    if state.commit is None:
        return release
    return f"{release}+g{state.commit[:12]}{'' if state.clean else '.dirty'}"


def _describe_root(crate: ROCrate, study: Study, lineage: Lineage, run: Any, end: str) -> None:
    selected = study.selected().datasets.values()
    licences = ContextEntity(
        crate,
        "#licences",
        {
            "@type": "CreativeWork",
            "name": "Licences of the parts",
            "description": (
                f"The workflow, in {FOLDER}/, is under its own licence. Imagery, labels and what "
                "shows them stand under the licences that the folder of each dataset names. "
                "What the study made of them (weights, tables, the report) is licensed by whoever "
                "publishes it."
            ),
        },
    )
    root = crate.root_dataset
    crate.name = f"Downlink study {study.name}"
    crate.description = (
        f"A finished study with {len(lineage.sidecars)} jobs: "
        + "; ".join(dataset.title for dataset in selected)
        + ". Every file names the job that made it."
        + "".join(
            f" The study ran with {package} in an altered form: {reason}."
            for package, reason in study.patched.items()
        )
    )
    root["creditText"] = "; ".join(dict.fromkeys(dataset.credit for dataset in selected))
    root["license"] = crate.add(licences)
    root.append_to("mentions", run)
    root.append_to("mentions", crate.get("#engine"))
    crate.datePublished = end
