"""Log a training's losses, one line of JSON per validation; interruptions do not lose the log."""

import json
import math
from pathlib import Path
from typing import Any

from workflow_lib.files import atomic

JOURNAL = "metrics.jsonl"


class Journal:
    """Writer of the log file `JOURNAL` in a run's folder.

    Each line is a JSON object. Its "step" is the number of steps taken before it was written.
    """

    def __init__(self, run: Path) -> None:
        self._file = run / JOURNAL

    def write(self, line: dict[str, Any]) -> None:
        """Append a line."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")

    def drop_after(self, step: int) -> None:
        """Delete the lines of later steps, because training resumes from `step`."""
        if not self._file.exists():
            return
        with self._file.open(encoding="utf-8") as lines:
            kept = [line for line in lines if _step_of(line) <= step]
        with atomic(self._file) as draft:
            draft.write_text("".join(kept), encoding="utf-8")


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # the line was cut off when the run was killed
        return math.inf
