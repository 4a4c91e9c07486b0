"""Torch as the scripts set it up, and the examples of the unit tests."""

import sys
from pathlib import Path

from workflow_lib.torchinit import prepare

prepare(1)
sys.path.insert(0, str(Path(__file__).parents[1] / "unit/codecs/learned"))
