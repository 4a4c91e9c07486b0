"""Paths of a study's configuration files in a copy of the project."""

from collections.abc import Sequence
from pathlib import Path

DEFAULTS = "workflow_lib/config/defaults.yaml"
"""What every study starts from."""
DEMO = "config.yaml"
"""The study where no other file is named."""


def overlay_names(overlays: Sequence[Path], root: Path) -> list[str]:
    """Paths of a study's own files below the copy's folder.

    A file of the project keeps its path. Other files go to `overlays/`, with a number, because two
    of them can have one name.

    Args:
        overlays: the study's own files, in the order in which they are laid over each other.
        root: the project's folder.
    """
    return [
        path.relative_to(root.resolve()).as_posix()
        if path.is_relative_to(root.resolve())
        else f"overlays/{number}-{path.name}"
        for number, path in enumerate((overlay.resolve() for overlay in overlays), start=1)
    ]
