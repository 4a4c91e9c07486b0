"""Torch as every script of the study sets it up."""

import os
from importlib.metadata import version

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_libraries: list[torch.library.Library] = []


def prepare(threads: int) -> None:
    """Set torch's thread count and deterministic algorithms, and make torchvision importable.

    To be called before segmentation-models-pytorch or compressai is imported: both import
    torchvision.

    Args:
        threads: threads of one operation; results are bit-equal for equal numbers of threads.
    """
    # without a workspace of fixed size cuBLAS refuses to be deterministic
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    # use_deterministic_algorithms would do the same, but import the compiler, which takes a second
    torch.set_deterministic_debug_mode("error")
    torch.backends.cudnn.benchmark = False
    _declare_torchvision_operators()


def _declare_torchvision_operators() -> None:
    # The index's torchvision is linked to CUDA: beside a CPU build of torch its operators cannot
    # load, and its import stops at a missing schema. Nothing here ever calls these operators.
    # A torchvision that was itself built for the CPU registers them and bears no second time.
    own = version("torchvision").endswith("+cpu")
    if torch.version.cuda is not None or own or _libraries:
        return
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS.values():
        library.define(schema)  # type: ignore[no-untyped-call]
    _libraries.append(library)  # the definitions vanish with the object
