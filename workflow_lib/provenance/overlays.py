"""Place the study's configuration files in a copy of the project."""

from collections.abc import Sequence
from pathlib import Path

DEFAULTS = "workflow_lib/config/defaults.yaml"
"""Defaults that lie below every study."""
DEMO = "config.yaml"
"""The demo study, used where no other file is given."""


def overlay_names(overlays: Sequence[Path], root: Path) -> list[str]:
    """Paths of configuration files, relative to the copy's folder.

    A file of the project keeps its path. Other files get a number and go to `overlays/`, because
    their names may collide.

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
