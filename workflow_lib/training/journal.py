"""The course of a training, one line of JSON per validation; it survives interruptions."""

import json
import math
from pathlib import Path
from typing import Any

from workflow_lib.files import atomic

JOURNAL = "metrics.jsonl"


class Journal:
    """The file JOURNAL in a run's folder.

    Each line is an object whose "step" says after which step it was written.
    """

    def __init__(self, run: Path) -> None:
        self._file = run / JOURNAL

    def write(self, line: dict[str, Any]) -> None:
        """Append a line."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")

    def drop_after(self, step: int) -> None:
        """Leave out what was written after a step that is gone back to."""
        if not self._file.exists():
            return
        with self._file.open(encoding="utf-8") as lines:
            kept = [line for line in lines if _step_of(line) <= step]
        with atomic(self._file) as draft:
            draft.write_text("".join(kept), encoding="utf-8")


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # cut off when the run was killed
        return math.inf
