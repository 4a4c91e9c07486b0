"""Copy the workflow's own files into the crate, so that it can be run from there."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from workflow_lib.files import unsynchronised
from workflow_lib.provenance.overlays import overlay_names

FOLDER = "workflow"
"""Folder of the workflow's files below the crate's root."""

_PARTS = (
    "Snakefile",
    "Makefile",
    "CITATION.cff",
    "LICENSE",
    "README.md",
    "config.yaml",
    "docs/formats.md",
    "envs",
    "profiles",
    "pyproject.toml",
    "rules",
    "scripts",
    "slurm",
    "workflow_lib",
)


def workflow_files(root: Path, overlays: Sequence[Path]) -> dict[str, Path]:
    """The workflow's files and a study's overlays, by their path in the copy."""
    files = {file.relative_to(root).as_posix(): file for file in _files(root)}
    files |= dict(zip(overlay_names(overlays, root), overlays, strict=True))
    return dict(sorted(files.items()))


def copy_workflow(files: Mapping[str, Path], crate: Path) -> None:
    """Copy files to their paths below the workflow's folder, replacing its old contents."""
    with unsynchronised(crate / FOLDER) as draft:
        for name, source in files.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, draft / name)


def _files(root: Path) -> Iterator[Path]:
    for part in _PARTS:
        below = sorted((root / part).rglob("*")) if (root / part).is_dir() else [root / part]
        for file in below:
            if file.is_file() and "__pycache__" not in file.parts:
                yield file
