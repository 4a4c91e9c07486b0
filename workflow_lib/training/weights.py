"""Save and load files of trained weights."""

import json
from collections.abc import Mapping
from pathlib import Path

import safetensors
from safetensors.torch import save
from torch import Tensor

from workflow_lib.errors import DownlinkError
from workflow_lib.files import atomic


def save_weights(tensors: Mapping[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write tensors, with `metadata`, as safetensors; equal input gives equal bytes."""
    own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # Use one entry, because safetensors writes several in no fixed order.
    packed = {"downlink": json.dumps(metadata, sort_keys=True)}
    with atomic(Path(path)) as draft:
        draft.write_bytes(save(own, metadata=packed))


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Load the tensors and metadata that `save_weights` wrote.

    Raises:
        DownlinkError: the file is missing or damaged, or `save_weights` did not write it.
    """
    if not path.is_file():
        raise DownlinkError(f"{path}: there is no such file of weights. Check the path.")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = json.loads(file.metadata()["downlink"])
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DownlinkError(
            f"{path}: not a readable file of trained weights ({error}). "
            "Check the path; if a study made the file, delete it and run the study again."
        ) from error
    return tensors, metadata
