"""Save and restore checkpoints of trainings, one file in each run's folder."""

import io
import logging
from pathlib import Path
from typing import Any

import torch

from workflow_lib.files import atomic

_NAME = "checkpoint.pt"

_log = logging.getLogger(__name__)


def save(state: dict[str, Any], run: Path) -> Path:
    """Write the run's checkpoint; `state` may contain tensors, numbers, text and dicts of them."""
    packed = io.BytesIO()
    torch.save(state, packed)
    file = run / _NAME
    with atomic(file) as draft:
        draft.write_bytes(packed.getbuffer())
    return file


def restored(run: Path, fingerprint: str) -> dict[str, Any] | None:
    """Load the run's checkpoint, with all tensors on the CPU.

    Args:
        run: the run's folder.
        fingerprint: fingerprint of this training.

    Returns:
        The state, or None if the file is missing, damaged, or has another fingerprint.
    """
    file = run / _NAME
    if not file.exists():
        return None
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises many kinds of error; start afresh on each
        _log.warning("%s: unreadable, starting afresh (%s)", file, error)
        return None
    if not isinstance(found, dict) or found.get("fingerprint") != fingerprint:
        _log.warning("%s: belongs to another run, starting afresh", file)
        return None
    return found


def forget(run: Path) -> None:
    """Delete the checkpoints of a run and of runs below its folder.

    Call it after the result is written.
    """
    for file in sorted(run.rglob(_NAME)):
        file.unlink()
