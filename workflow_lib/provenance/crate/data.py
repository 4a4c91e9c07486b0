"""Add data to a crate: the workflow's files, the results, and references to external files."""

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from workflow_lib.config.study import Study
from workflow_lib.data.archives import file_name
from workflow_lib.errors import DownlinkError
from workflow_lib.files import sha256
from workflow_lib.paths import Paths, manifest
from workflow_lib.provenance.crate.lineage import Lineage
from workflow_lib.provenance.crate.people import add_license
from workflow_lib.provenance.crate.workflow import FOLDER

Parts = dict[str, Any]
"""Entities of the crate by the path that sidecars use."""

_FORMATS = {
    ".cff": "application/yaml",
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".npz": "application/zip",
    ".parquet": "application/vnd.apache.parquet",
    ".py": "text/x-python",
    ".tif": "image/tiff",
    ".toml": "application/toml",
    ".yaml": "application/yaml",
    ".zip": "application/zip",
    ".gz": "application/gzip",
}
_CODE = {".py", ".smk", ".sh"}


def add_workflow_files(crate: ROCrate, files: Mapping[str, Path]) -> Parts:
    """The workflow's own files, but the main one, by their path in the project."""
    parts = {
        name: _add_file(
            crate,
            file,
            f"{FOLDER}/{name}",
            sha256(file),
            **({"@type": ["File", "SoftwareSourceCode"]} if file.suffix in _CODE else {}),
        )
        for name, file in files.items()
        if name != "Snakefile"
    }
    for name, entity in parts.items():
        if name.startswith("scripts/"):
            entity["description"] = ast.get_docstring(ast.parse(files[name].read_text())) or name
    return parts


def add_results(crate: ROCrate, study: Study, lineage: Lineage, root: Path) -> Parts:
    """Add all outputs of the study's jobs, with the credit and licences of its scenes.

    Raises:
        DownlinkError: a result is missing.
    """
    paths = Paths(study.results)
    parts: Parts = {}
    for path, digest in lineage.made.items():
        below = path.removeprefix(f"{study.results}/")
        if (root / path).is_dir():
            parts[path] = _add_folder(crate, root / path, below, digest)
        elif (root / path).is_file():
            parts[path] = _add_file(crate, root / path, below, digest)
        else:
            raise DownlinkError(f"{path}: this result is missing. Run the study again.")
    for path in lineage.made:
        if manifest(path) in parts and manifest(path) != path:
            parts[manifest(path)]["about"] = parts[path]
    for name, dataset in study.selected().datasets.items():
        terms: dict[str, Any] = {"creditText": dataset.credit, "description": dataset.caption}
        if dataset.licenses:
            terms["license"] = [add_license(crate, license) for license in dataset.licenses]
        if (root / study.results / name).is_dir():
            crate.add_dataset(
                root / study.results / name, name, properties={"name": dataset.title, **terms}
            )
        folder = str(Path(paths.scene(name, "any")).parent)
        for path in lineage.made:
            if path.startswith(f"{folder}/"):
                for term, value in terms.items():
                    parts[path][term] = value
    return parts


def add_found(crate: ROCrate, study: Study, lineage: Lineage, own: Parts) -> Parts:
    """Add references to inputs that no job made and that are not copied: archives, user rasters.

    No absolute path is written: archives are named by package and version, other files by their
    name. `own` are the workflow's files, which jobs may read too.

    Raises:
        DownlinkError: a job read another version of one of the workflow's files.
    """
    pins = {archive.sha256: (name, archive) for name, archive in study.archives.items()}
    parts: Parts = {}
    for path, digest in lineage.found.items():
        if path in own:
            if own[path]["sha256"] != digest:
                raise DownlinkError(
                    f"{path}: it has changed since a job read it. Run the study again."
                )
        elif digest in pins:
            name, archive = pins[digest]
            file = file_name(name, archive)
            parts[path] = _add_elsewhere(
                crate,
                f"#archive/{quote(file)}",
                name=file,
                sha256=digest,
                identifier=f"pkg:pypi/{name}@{archive.version}",
                description=f"The {archive.kind} of {name} {archive.version}, as the index has it.",
            )
        else:
            given = Path(path)
            place = {} if given.is_absolute() else {"localPath": path}
            parts[path] = _add_elsewhere(
                crate,
                f"#elsewhere/{digest[:12]}/{quote(given.name)}",
                name=given.name,
                sha256=digest,
                **place,
            )
    return parts


def add_sidecars(crate: ROCrate, lineage: Lineage, results: Path) -> Parts:
    """The sidecars, by their path on disk."""
    return {
        str(file): _add_file(crate, file, file.relative_to(results).as_posix(), sha256(file))
        for file in lineage.sidecars
    }


def _add_file(crate: ROCrate, source: Path, place: str, digest: str, **properties: Any) -> Any:
    return crate.add_file(
        source,
        place,
        properties={
            "name": source.name,
            "sha256": digest,
            "contentSize": str(source.stat().st_size),
            "encodingFormat": _format(source.name),
            **properties,
        },
    )


def _add_folder(crate: ROCrate, source: Path, place: str, digest: str) -> Any:
    """Add a store; its digest is a PropertyValue because schema.org has no term for folders."""
    tree = ContextEntity(
        crate,
        f"#tree-sha256/{digest}",
        {
            "@type": "PropertyValue",
            "name": "tree SHA-256",
            "propertyID": f"{FOLDER}/workflow_lib/files.py#tree_sha256",
            "value": digest,
            "description": "SHA-256 over the names and the SHA-256 of all files below the folder.",
        },
    )
    return crate.add_dataset(
        source, place, properties={"name": source.name, "identifier": crate.add(tree)}
    )


def _add_elsewhere(crate: ROCrate, place: str, **properties: str) -> Any:
    if place in crate:
        return crate.get(place)
    kind = {"@type": "File", "encodingFormat": _format(properties["name"])}
    entity = crate.add(ContextEntity(crate, place, {**kind, **properties}))
    crate.root_dataset.append_to("mentions", entity)
    return entity


def _format(name: str) -> str:
    suffix = Path(name).suffix
    if suffix in {".lock", ".in", ".txt", ".smk", ".sh", ".j2", ".def", ""}:
        return "text/plain"
    return _FORMATS.get(suffix, "application/octet-stream")
