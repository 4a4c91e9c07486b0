"""Checkpoints of trainings: one file in the folder of each run."""

import io
import logging
from pathlib import Path
from typing import Any

import torch

from workflow_lib.files import atomic

_NAME = "checkpoint.pt"

_log = logging.getLogger(__name__)


def save(state: dict[str, Any], run: Path) -> Path:
    """Replace the run's checkpoint; `state` holds tensors, numbers, text, and dicts of them."""
    packed = io.BytesIO()
    torch.save(state, packed)
    file = run / _NAME
    with atomic(file) as draft:
        draft.write_bytes(packed.getbuffer())
    return file


def restored(run: Path, fingerprint: str) -> dict[str, Any] | None:
    """The run's checkpoint, all tensors on the CPU; None if there is none of this training.

    Args:
        run: the run's folder.
        fingerprint: what the state's "fingerprint" has to be.
    """
    file = run / _NAME
    if not file.exists():
        return None
    try:
        found = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in many ways, none worth stopping for
        _log.warning("%s: unreadable, starting afresh (%s)", file, error)
        return None
    if not isinstance(found, dict) or found.get("fingerprint") != fingerprint:
        _log.warning("%s: belongs to another run, starting afresh", file)
        return None
    return found


def forget(run: Path) -> None:
    """Delete the checkpoints of a run and of runs in folders below, once their result is kept."""
    for file in sorted(run.rglob(_NAME)):
        file.unlink()
