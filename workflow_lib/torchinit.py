"""Set up torch in one place: flags, threads, seeds and device.

Results depend on these settings as well as on code and data. The module imports torch only inside
its functions, so that scripts without networks start fast.
"""

import hashlib
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workflow_lib.devices import Device
from workflow_lib.errors import DownlinkError
from workflow_lib.notes import note_networks
from workflow_lib.partial_import import without_init

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)


def prepare(threads: int) -> None:
    """Set torch's thread count and its deterministic algorithms.

    Call it before any other import of torch: if torch cannot be loaded, the user then sees one
    line instead of a traceback.

    Args:
        threads: threads of one operation; equal numbers of threads give bit-equal results.

    Raises:
        DownlinkError: this machine cannot load torch.
    """
    # cuBLAS is deterministic only with a workspace of fixed size.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    _require_torch()
    import torch

    torch.set_num_threads(threads)
    note_networks("cpu", threads)
    # use_deterministic_algorithms does the same, but imports the compiler, which takes a second.
    torch.set_deterministic_debug_mode("error")
    torch.backends.cudnn.benchmark = False
    # TF32 has a mantissa of ten bits: with it, a GPU decodes counts that are wrong by several.
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def seed_weights(seed: int) -> None:
    """Seed the generator from which torch draws initial weights."""
    import torch

    torch.manual_seed(seed)


def seed_step(seed: int, step: int) -> None:
    """Seed torch's global generators, on every device, for one training step."""
    import torch

    torch.manual_seed(_derived(seed, step, "global"))


def crop_generator(seed: int, step: int) -> "torch.Generator":
    """Return the generator for one step's batch; use it for nothing else."""
    import torch

    return torch.Generator().manual_seed(_derived(seed, step, "crops"))


def _derived(seed: int, step: int, purpose: str) -> int:
    digest = hashlib.sha256(f"{seed} {step} {purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@contextmanager
def single_thread() -> Iterator[int]:
    """Limit torch to one thread within the block; yield the previous number of threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def device(asked: Device) -> "torch.device":
    """Return the device that networks run on, and log it.

    Args:
        asked: `device` of the study's configuration.

    Raises:
        DownlinkError: `asked` is "cuda", but torch sees no GPU.
    """
    import torch

    seen = torch.cuda.is_available()
    if asked == "cuda" and not seen:
        raise DownlinkError(
            f"device: cuda, but torch {torch.__version__} sees no GPU on {socket.gethostname()}. "
            "Request a GPU from the scheduler, install a CUDA build of torch, or set device "
            "(--device) to auto or cpu."
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
    """Let optimisers run without importing torch's compiler.

    Torch's optimisers import the compiler to exclude themselves from compilation. That import takes
    as long as importing torch, and this project compiles nothing. If the compiler is already
    imported, it stays in use.
    """
    name = "torch._dynamo"
    absent = name not in sys.modules
    with without_init(name):
        if absent:
            sys.modules[name].disable = _unchanged  # type: ignore[attr-defined]
            sys.modules[name].graph_break = lambda: None  # type: ignore[attr-defined]
        yield


def _unchanged(function: Any, *_: object, **__: object) -> Any:
    return function


def _require_torch() -> None:
    try:
        import torch  # noqa: F401
    except (ImportError, OSError) as error:  # OSError: a shared library is missing or too new
        reason = " ".join(str(error).split())
        raise DownlinkError(
            f"{socket.gethostname()}: this machine cannot load torch ({reason}). Install the "
            "environment again, for this kind of machine and on a file system that it sees: bash "
            "envs/install.sh PYTHON."
        ) from error


@contextmanager
def determinism(threads: int | None = None) -> Iterator[None]:
    """Set up torch as `prepare` does within the block; then restore its settings and generator.

    Use it in a process that is not a job of a study, such as a notebook.

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
        # A new model draws random weights, even if a file then replaces them.
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.set_num_threads(before)
        torch.set_deterministic_debug_mode(mode)
        torch.backends.cudnn.benchmark = benchmark
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = tf32
        if workspace is None:
            os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)
