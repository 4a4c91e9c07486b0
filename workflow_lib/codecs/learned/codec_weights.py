"""A learned codec's file of weights, for coding and for further training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from torch import Tensor

from workflow_lib.codecs.learned.context import Context
from workflow_lib.codecs.learned.mixture import parameters_per_component
from workflow_lib.codecs.learned.model import LearnedModel
from workflow_lib.codecs.learned.options import PATCH
from workflow_lib.codecs.learned.prior import Architecture
from workflow_lib.training.weights import load_weights, save_weights

_TRANSFORMS, _INTEGERS, _TRAINED = "transforms.", "prior.", "trained_prior."
_TRAINING_TILES = "training_tiles"


@dataclass(frozen=True)
class Stored:
    """Content of a file of weights.

    Attributes:
        model: transforms and prior as trained, in floating point.
        integers: state of the `IntegerPrior` that codes. It was rounded from the trained prior on
            the machine that wrote the file. Another machine could round to other integers.
        training_tiles: number of tiles on which the codec was trained.
    """

    model: LearnedModel
    integers: dict[str, Tensor]
    training_tiles: int

    def write(self, weights: Path, metadata: dict[str, str]) -> None:
        """Write the content and `metadata` as safetensors."""
        trained = _within(_TRAINED, dict(self.model.prior.named_parameters()))
        own = self.model.sizes.as_dict() | {_TRAINING_TILES: str(self.training_tiles)}
        save_weights(coding_state(self.model, self.integers) | trained, weights, metadata | own)

    @classmethod
    def read(cls, weights: Path) -> Self:
        """Read the file that `write` wrote; the caller must check the integers.

        Raises:
            KeyError, TypeError, ValueError, RuntimeError: `write` did not write the file.
            DownlinkError: the file is missing or damaged.
        """
        tensors, metadata = load_weights(weights)
        sizes = Architecture.of(metadata)
        _require_shapes(sizes, tensors)
        model = LearnedModel(sizes)
        prior = dict(model.prior.named_buffers()) | _below(_TRAINED, tensors)
        model.load_state_dict(_below(_TRANSFORMS, tensors) | _within("prior.", prior))
        return cls(model, _below(_INTEGERS, tensors), int(metadata[_TRAINING_TILES]))


def coding_state(model: LearnedModel, integers: dict[str, Tensor]) -> dict[str, Tensor]:
    """Collect the tensors for coding: transforms in floating point, the prior in integers."""
    transforms = {n: t.cpu() for n, t in model.state_dict().items() if not n.startswith("prior.")}
    return _within(_TRANSFORMS, transforms) | _within(_INTEGERS, integers)


def _require_shapes(sizes: Architecture, tensors: dict[str, Tensor]) -> None:
    """Compare claimed sizes with the file's tensors before a model of these sizes is allocated.

    The check covers one layer for every product of sizes that occurs.

    Raises:
        ValueError: a tensor is missing or has another shape.
    """
    n, m, k = sizes.channels, sizes.latents, sizes.components
    out, hidden = parameters_per_component(k) * k, (m * 10 // 3, m * 8 // 3)
    features = 2 * m if sizes.context is Context.NONE else 4 * m
    wanted: dict[str, tuple[int, ...]] = {
        "transforms.analysis.linear.weight": (m, sizes.bands * PATCH**2, 1, 1),
        "transforms.synthesis.last.weight": (sizes.bands * 4, n, 3, 3),
        "transforms.hyper_analysis.0.weight": (n, m, 3, 3),
        "transforms.hyper_analysis.2.weight": (n, n, 3, 3),
        "prior.layers.1.weight": hidden,
        "prior.layers.2.weight": (hidden[1], out * m),
        "prior.hyper_parameters": (out * n,),
        "trained_prior.hyper_synthesis.0.weight": (n, n, 3, 3),
        "trained_prior.hyper_synthesis.8.weight": (2 * m, n * 3 // 2, 3, 3),
        "trained_prior.parameters_network.0.weight": (hidden[0], features, 1, 1),
        "trained_prior.parameters_network.2.weight": (hidden[1], hidden[0], 1, 1),
        "trained_prior.parameters_network.4.weight": (out * m, hidden[1], 1, 1),
        "trained_prior.hyper_parameters": (out * n,),
    }
    for name, shape in wanted.items():
        if name not in tensors or tuple(tensors[name].shape) != shape:
            raise ValueError(f"{name} is missing or does not have the shape {shape}")


def _within(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
