"""Torch as every script of the study sets it up; imports torch only when asked to.

The one place that sets flags, threads and seeds: what results hang on beside code and data.
"""

import hashlib
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from workflow_lib.devices import Device
from workflow_lib.errors import DownlinkError
from workflow_lib.notes import note_networks

if TYPE_CHECKING:
    import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_libraries: list[Any] = []

_log = logging.getLogger(__name__)


def prepare(threads: int) -> None:
    """Set torch's thread count and deterministic algorithms, and make torchvision importable.

    To be called before anything else imports torch: a script that does not can fail with a
    traceback on a node that cannot load it. segmentation-models-pytorch and compressai import
    torchvision.

    Args:
        threads: threads of one operation; results are bit-equal for equal numbers of threads.

    Raises:
        DownlinkError: this machine cannot load torch.
    """
    # without a workspace of fixed size cuBLAS refuses to be deterministic
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    _require_torch()
    import torch

    torch.set_num_threads(threads)
    note_networks("cpu", threads)
    # use_deterministic_algorithms would do the same, but import the compiler, which takes a second
    torch.set_deterministic_debug_mode("error")
    torch.backends.cudnn.benchmark = False
    # with TF32's ten bits a GPU would decode counts that are off by several
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    _declare_torchvision_operators()


def seed_weights(seed: int) -> None:
    """Seed what torch draws initial weights from."""
    import torch

    torch.manual_seed(seed)


def seed_step(seed: int, step: int) -> None:
    """Seed torch's global generators, of every device, for one step of a training."""
    import torch

    torch.manual_seed(_derived(seed, step, "global"))


def crop_generator(seed: int, step: int) -> "torch.Generator":
    """The generator that a step's batch is drawn with, and nothing else."""
    import torch

    return torch.Generator().manual_seed(_derived(seed, step, "crops"))


def _derived(seed: int, step: int, purpose: str) -> int:
    digest = hashlib.sha256(f"{seed} {step} {purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@contextmanager
def single_thread() -> Iterator[int]:
    """Give operations one thread each for a while; yields how many they had."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def device(asked: Device) -> "torch.device":
    """The device that networks run on; the log says which.

    Args:
        asked: the study's `device`.

    Raises:
        DownlinkError: CUDA is asked for, but torch sees no GPU.
    """
    import torch

    seen = torch.cuda.is_available()
    if asked == "cuda" and not seen:
        raise DownlinkError(
            f"device: cuda, but torch {torch.__version__} sees no GPU on {socket.gethostname()}. "
            "Ask the scheduler for a GPU, install a CUDA build of torch, or set device (--device) "
            "to auto or cpu."
        )
    if not seen or asked == "cpu":
        _log.info("device: cpu (%s)", socket.gethostname())
        return torch.device("cpu")
    name = torch.cuda.get_device_name()
    _log.info("device: cuda (%s, %s)", name, socket.gethostname())
    note_networks("cuda", torch.get_num_threads(), name)
    return torch.device("cuda")


@contextmanager
def without_compiler() -> Iterator[None]:
    """Import what follows without torch's compiler.

    torchvision and timm ask it, while they are imported, about operators and models that nothing
    here uses, and it takes a second to import: every job that maps would wait for it.
    """
    import torch

    name = "torch._dynamo.utils"
    answers = ModuleType(name)
    answers.is_compile_supported = lambda device_type: False  # type: ignore[attr-defined]
    if absent := name not in sys.modules:
        sys.modules[name] = answers
    try:
        with patch.object(torch.compiler, "disable", _as_it_is):
            yield
    finally:
        if absent:
            del sys.modules[name]


def _as_it_is(function: Any = None, **options: object) -> Any:
    """A decorator, with options or without, that decorates nothing."""
    return function if function is not None else _as_it_is


def _require_torch() -> None:
    try:
        import torch  # noqa: F401
    except (ImportError, OSError) as error:  # OSError: a shared library is missing or too new
        reason = " ".join(str(error).split())
        raise DownlinkError(
            f"{socket.gethostname()}: this machine cannot load torch ({reason}). Install the "
            "environment again, for this kind of machine and on a file system that it sees: bash "
            "envs/install.sh PYTHON; or let Snakemake bring one: --sdm conda or --sdm apptainer."
        ) from error


def _declare_torchvision_operators() -> None:
    # The index's torchvision is linked to CUDA: beside a CPU build of torch its operators cannot
    # load, and its import stops at a missing schema. Nothing here ever calls these operators.
    # A torchvision that was itself built for the CPU registers them and bears no second time.
    import torch

    own = version("torchvision").endswith("+cpu")
    if torch.version.cuda is not None or own or _libraries:
        return
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS.values():
        library.define(schema)  # type: ignore[no-untyped-call]
    _libraries.append(library)  # the definitions vanish with the object


@contextmanager
def determinism(threads: int | None = None) -> Iterator[None]:
    """Set up torch as `prepare` does for a while, then restore its settings and its generator.

    For callers whose process is not a job of a study, such as a notebook.

    Args:
        threads: threads of one operation; None keeps torch's number.

    Raises:
        DownlinkError: this machine cannot load torch.
    """
    _require_torch()
    import torch

    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    before = torch.get_num_threads()
    mode = torch.get_deterministic_debug_mode()
    benchmark = torch.backends.cudnn.benchmark
    tf32 = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    try:
        prepare(before if threads is None else threads)
        # a model draws weights when it is made, even where a file then replaces them
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before)
        torch.set_deterministic_debug_mode(mode)
        torch.backends.cudnn.benchmark = benchmark
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = tf32
        if workspace is None:
            os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
