"""Set torch up as the scripts do, import the unit tests' examples, and skip without a GPU."""

import sys
from pathlib import Path

import pytest
import torch

from workflow_lib.torchinit import prepare

prepare(1)
sys.path.insert(0, str(Path(__file__).parents[1] / "unit/codecs/learned"))


def pytest_runtest_setup(item):
    """Skip without a GPU; runs before the tests of this folder only."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
