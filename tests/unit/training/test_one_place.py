"""Only one module sets seeds, threads and flags of torch; all random numbers have a seed."""

import ast
from pathlib import Path

import pytest
import torch

from workflow_lib import torchinit

ROOT = Path(__file__).parents[3]
PLACE = "workflow_lib/torchinit.py"
SETTERS = {
    "manual_seed",
    "manual_seed_all",
    "set_num_threads",
    "set_num_interop_threads",
    "use_deterministic_algorithms",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_rng_state",
}
FLAGS = {"benchmark", "deterministic", "allow_tf32"}
UNSEEDED = {"default_rng", "SeedSequence"}


def attribute(node):
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def offences(tree):
    """Return calls that configure torch, or draw random numbers without a seed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called, of = attribute(node.func), attribute(getattr(node.func, "value", None))
            if called in SETTERS or (called in UNSEEDED and not node.args):
                yield called
            if of == "random" and called not in UNSEEDED:  # random.random(), np.random.normal()
                yield f"random.{called}"
        if isinstance(node, ast.Assign):
            yield from (attribute(t) for t in node.targets if attribute(t) in FLAGS)


@pytest.mark.parametrize("folder", ["workflow_lib", "scripts"])
def test_no_other_module_configures_torch_or_draws_without_a_seed(folder):
    found = {
        path.relative_to(ROOT).as_posix(): list(offences(ast.parse(path.read_text())))
        for path in (ROOT / folder).rglob("*.py")
    }
    place = found.pop(PLACE, None)
    assert not {name: calls for name, calls in found.items() if calls}
    if folder == "workflow_lib":
        assert {"manual_seed", "set_num_threads", "benchmark", "allow_tf32"} <= set(place)


@pytest.mark.parametrize(
    "code",
    [
        "torch.manual_seed(0)",
        "np.random.seed(0)",
        "np.random.default_rng()",
        "random.shuffle(x)",
        "torch.backends.cudnn.benchmark = True",
    ],
)
def test_offences_are_detected(code):
    assert list(offences(ast.parse(code)))


def test_random_numbers_of_a_step_depend_only_on_its_number():
    """A resumed training therefore draws the same numbers as an uninterrupted one."""
    drawn = []
    for earlier in (0, 7):
        torch.rand(earlier)
        torchinit.seed_step(3, 11)
        crops = torch.rand(2, generator=torchinit.crop_generator(3, 11))
        drawn.append(torch.cat([torch.rand(2), crops]))
    assert torch.equal(*drawn)
    torchinit.seed_step(3, 12)
    later = torch.cat([torch.rand(2), torch.rand(2, generator=torchinit.crop_generator(3, 12))])
    assert not set(later.tolist()) & set(drawn[0].tolist())


def test_the_number_of_threads_is_restored():
    threads = torch.get_num_threads()
    torchinit.prepare(2)
    try:
        with pytest.raises(ZeroDivisionError), torchinit.single_thread() as had:
            assert (had, torch.get_num_threads()) == (2, 1)
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
    finally:
        torchinit.prepare(threads)
