"""Encode and decode images with a trained learned codec."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workflow_lib.codecs.base import Codec, Encoded, as_counts, refuse_side
from workflow_lib.codecs.learned.codec_weights import Stored, coding_state
from workflow_lib.codecs.learned.context import steps
from workflow_lib.codecs.learned.determinism import each_alone
from workflow_lib.codecs.learned.integer import LATENT_LIMIT, Grid, IntegerPrior
from workflow_lib.codecs.learned.model import LearnedModel, padded_to_patches
from workflow_lib.codecs.learned.options import PATCH, LearnedOptions
from workflow_lib.codecs.learned.prior import HYPER_STRIDE, Architecture
from workflow_lib.codecs.learned.rounding import quantised
from workflow_lib.codecs.learned.stream import Reader, Writer, bits
from workflow_lib.codecs.learned.window import Windows
from workflow_lib.data.info import TileInfo
from workflow_lib.errors import BitstreamError, DownlinkError

_HYPER_LIMIT = 2**11
"""Largest absolute value of a hyperlatent."""
_ROWS = 2048
"""Approximate number of positions whose mixtures are computed at once."""
_PIXELS_TO_ENCODE = {"cpu": 2**17, "cuda": 2**21}
"""Pixels of the images that are encoded together, by device; more exceed a CPU's cache."""
_PIXELS_TO_DECODE = 2**20
"""Pixels of the images that are decoded together; more pixels need fewer wavefronts in total."""

Image = NDArray[np.uint16]
Shape = tuple[int, int, int]
Result = TypeVar("Result")


class LearnedCodec(Codec):
    """A trained model that encodes and decodes images of any size.

    A payload is one stream of hyperlatents and latents. Latents decode to the same integers on
    every device, in every batch and with every number of threads.
    """

    def __init__(self, model: LearnedModel, training_tiles: int = 0) -> None:
        self.model = model.eval()
        self.training_tiles = training_tiles
        self.prior = IntegerPrior(model.prior, model.spread).to(model.offset.device)
        self._digest: bytes | None = None

    @property
    def model_digest(self) -> bytes:
        """See `Codec.model_digest`."""
        if self._digest is None:
            digest = hashlib.sha256(repr(sorted(self.model.sizes.as_dict().items())).encode())
            for name, tensor in sorted(self._state().items()):
                digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}\0".encode())
                digest.update(np.ascontiguousarray(tensor.numpy()).data)
            self._digest = digest.digest()[:8]
        return self._digest

    def _state(self) -> dict[str, Tensor]:
        return coding_state(self.model, self.prior.state())

    def save(self, weights: Path, metadata: dict[str, str]) -> None:
        """Write the codec as safetensors, with its integer prior and the trained prior."""
        Stored(self.model, self.prior.state(), self.training_tiles).write(weights, metadata)

    @classmethod
    def load(cls, weights: Path, device: str = "cpu") -> Self:
        """Load a codec that `save` wrote.

        Raises:
            DownlinkError: the file is missing or damaged, or is not a learned codec.
        """
        try:
            stored = Stored.read(weights)
            codec = cls(stored.model, stored.training_tiles)
            codec.prior.load(stored.integers)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DownlinkError(
                f"{weights}: not the weights of a learned codec ({error}). Check "
                "the path; if a study made the file, delete it and run the study again."
            ) from error
        return codec.to(device)

    def to(self, device: torch.device | str) -> Self:
        """Move the codec to the device, and return it."""
        self.model.to(device)
        self.prior.to(device)
        return self

    def encode(self, image: Image, budget: int | None = None) -> Encoded:
        """See `Codec.encode`; the rate follows from λ alone."""
        return self.encode_batch([image], [budget])[0]

    def decode(self, payload: bytes, side: bytes, shape: Shape) -> Image:
        """See `Codec.decode`."""
        return self.decode_batch([(payload, side)], [shape])[0]

    def payload_header(self, payload: bytes) -> int:
        """See `Codec.payload_header`."""
        return 0

    @torch.inference_mode()
    def encode_batch(self, images: Sequence[Image], budgets: Sequence[int | None]) -> list[Encoded]:
        """See `Codec.encode_batch`."""
        payloads = self._grouped(images, self._encode_alike)
        return [Encoded(payload) for payload in payloads]

    @torch.inference_mode()
    def reconstruct(self, images: Sequence[Image]) -> list[Image]:
        """Compute the decoded images without coding a bitstream.

        Args:
            images: the images of one call of `encode_batch`, in the same order.
        """
        return self._grouped(
            images, lambda group: self._images(self.latents(group)[0], group[0].shape)
        )

    def _grouped(
        self, images: Sequence[Image], work: Callable[[list[Image]], Sequence[Result]]
    ) -> list[Result]:
        """Apply `work` to groups of images of one size; return results in the images' order."""
        device = self.model.offset.device.type
        groups = _alike([image.shape for image in images], _PIXELS_TO_ENCODE[device])

        def done(group: list[int]) -> Sequence[Result]:
            with torch.inference_mode():
                return work([images[index] for index in group])

        results = each_alone(done, groups) if len(groups) > 1 else map(done, groups)
        return _in_order(groups, results)

    @torch.inference_mode()
    def decode_batch(
        self, coded: Sequence[tuple[bytes, bytes]], shapes: Sequence[Shape]
    ) -> list[Image]:
        """See `Codec.decode_batch`."""
        for _, side in coded:
            refuse_side(side)
        for bands, _, _ in shapes:
            if bands != self.model.sizes.bands:
                raise BitstreamError(
                    f"these weights decode {self.model.sizes.bands} bands, not {bands}."
                )
        groups = _alike(shapes, _PIXELS_TO_DECODE)
        images = (
            self._decode_alike([coded[index][0] for index in group], shapes[group[0]])
            for group in groups
        )
        return _in_order(groups, images)

    @torch.inference_mode()
    def cross_entropy(self, images: Sequence[Image]) -> list[float]:
        """Compute each image's bits under the integer prior; all images have one size."""
        return [
            sum(bits(values, windows) for values, windows in self._symbols([image]))
            for image in images
        ]

    def latents(self, images: Sequence[Image]) -> tuple[Tensor, Tensor]:
        """Compute rounded latents and hyperlatents of images of one size.

        See `LearnedModel.analyse` for the shapes.
        """
        counts = torch.from_numpy(np.stack(images).astype(np.float32))
        padded = padded_to_patches(counts.to(self.model.offset.device))
        latents, hyper = self.model.analyse(self.model.normalise(padded))
        return (
            quantised(latents, self.model.zone).round().clamp(-LATENT_LIMIT, LATENT_LIMIT),
            hyper.round().clamp(-_HYPER_LIMIT, _HYPER_LIMIT),
        )

    def _symbols(self, images: Sequence[Image]) -> Iterator[tuple[NDArray[np.int64], Windows]]:
        """Yield the values to encode, [image, n], and their windows, step by step."""
        latents, hyper = self.latents(images)
        yield _integers(hyper.flatten(2).transpose(1, 2)), self._hyper_windows(hyper.shape)
        height, width = latents.shape[2:]
        features = self.prior.features(hyper, height, width)
        grid = self.prior.grid(len(images), height, width)
        values = latents.flatten(2).transpose(1, 2)
        everywhere = torch.arange(height * width, device=latents.device)
        grid.place(everywhere, values)
        plan = steps(self.prior.sizes.context, height, width)
        for group in _runs([len(step) * len(images) for step in plan]):
            positions = torch.from_numpy(np.concatenate(plan[group])).to(latents.device)
            found = self._windows(features, grid, positions)
            start = 0
            for step in plan[group]:
                own = slice(start, start + len(step))
                yield (
                    _integers(values[:, torch.from_numpy(step).to(latents.device)]),
                    _part(found, len(images), len(positions), own),
                )
                start += len(step)

    def _encode_alike(self, images: Sequence[Image]) -> list[bytes]:
        writer = Writer(len(images))
        for values, windows in self._symbols(images):
            writer.write(values, windows)
        return writer.streams()

    def _decode_alike(self, payloads: Sequence[bytes], shape: Shape) -> list[Image]:
        _, height, width = shape
        size = (-(-height // PATCH), -(-width // PATCH))
        return self._images(self.decode_latents(payloads, size), shape)

    def _images(self, latents: Tensor, shape: Shape) -> list[Image]:
        _, height, width = shape
        return [as_counts(image[:, :height, :width].numpy()) for image in self.synthesise(latents)]

    def synthesise(self, latents: Tensor) -> list[Tensor]:
        """Compute each image's counts [band, y, x], not rounded."""
        if latents.is_cuda:
            return list(self.model.counts(self.model.synthesise(latents)).cpu())
        return each_alone(self._synthesised, list(latents[:, None]))

    def _synthesised(self, latents: Tensor) -> Tensor:
        with torch.inference_mode():
            return self.model.counts(self.model.synthesise(latents))[0]

    def decode_latents(self, payloads: Sequence[bytes], size: tuple[int, int]) -> Tensor:
        """Decode the latents of streams.

        Args:
            payloads: the stream of each image.
            size: height and width of each image's latents.

        Returns:
            Integers in float32, [image, M, y, x]: the same on every device and in every batch.

        Raises:
            BitstreamError: a stream is damaged.
        """
        reader, device = Reader(payloads), self.model.offset.device
        n = self.prior.sizes.channels
        hyper_size = tuple(-(-side // HYPER_STRIDE) for side in size)
        shape = torch.Size((len(payloads), n, *hyper_size))
        values = reader.read(self._hyper_windows(shape)).clip(-_HYPER_LIMIT, _HYPER_LIMIT)
        hyper = torch.from_numpy(values).to(device).reshape(len(payloads), -1, n).transpose(1, 2)
        features = self.prior.features(hyper.reshape(shape), *size)
        grid = self.prior.grid(len(payloads), *size)
        for step in steps(self.prior.sizes.context, *size):
            positions = torch.from_numpy(step).to(device)
            values = reader.read(self._windows(features, grid, positions))
            values = values.clip(-LATENT_LIMIT, LATENT_LIMIT)
            placed = torch.from_numpy(values).to(device)
            grid.place(positions, placed.reshape(len(payloads), len(step), -1))
        reader.finish()
        return grid.image()

    def _hyper_windows(self, shape: torch.Size) -> Windows:
        images, _, height, width = shape
        windows = self.prior.tables.windows(self.prior.hyper_mixtures())
        return windows.repeated(images * height * width)

    def _windows(self, features: Tensor, grid: Grid, positions: Tensor) -> Windows:
        rows = features[:, positions].flatten(0, 1)
        return self.prior.tables.windows(self.prior.mixtures(rows, grid.around(positions)))


def _integers(values: Tensor) -> NDArray[np.int64]:
    """Flatten [image, position, channel] to int64 [image, n] on the CPU."""
    return values.flatten(1).to(torch.int64).cpu().numpy()


def _part(windows: Windows, images: int, positions: int, own: slice) -> Windows:
    """Select the windows of a range of positions from all images."""

    def cut(values: NDArray[Any]) -> NDArray[Any]:
        parts = values.reshape(images, positions, -1, *values.shape[1:])[:, own]
        return parts.reshape(-1, *values.shape[1:])

    return Windows(cut(windows.frequencies), cut(windows.origin), cut(windows.shift))


def _runs(sizes: Sequence[int]) -> Iterator[slice]:
    """Divide consecutive steps into runs of about `_ROWS` positions."""
    start, total = 0, 0
    for end, size in enumerate(sizes, start=1):
        total += size
        if total >= _ROWS or end == len(sizes):
            yield slice(start, end)
            start, total = end, 0


def _alike(shapes: Sequence[tuple[int, ...]], pixels: int) -> list[list[int]]:
    """Group the indices of images of equal shape; a group has at most `pixels` or one image."""
    groups = []
    for shape in dict.fromkeys(shapes):
        alike = [index for index, other in enumerate(shapes) if other == shape]
        most = max(1, pixels // (shape[1] * shape[2]))
        groups += [alike[start : start + most] for start in range(0, len(alike), most)]
    return groups


def _in_order(groups: list[list[int]], results: Iterable[Sequence[Result]]) -> list[Result]:
    """Return the results of all groups in the order of the indices."""
    pairs = (zip(group, of, strict=True) for group, of in zip(groups, results, strict=True))
    return [result for _, result in sorted(chain.from_iterable(pairs), key=itemgetter(0))]


def open_codec(config: LearnedOptions, info: TileInfo, weights: Path | None) -> LearnedCodec:
    """See `registry.open_codec`.

    Raises:
        DownlinkError: the weights are missing or damaged, or have another architecture or bands.
    """
    if weights is None:
        raise DownlinkError("A learned codec needs its weights. Pass them with --weights.")
    codec = LearnedCodec.load(weights)
    wanted = Architecture.configured(config, len(info.bands))
    if codec.model.sizes != wanted:
        raise DownlinkError(
            f"{weights}: the weights are of {codec.model.sizes}, but {wanted} is configured. Train "
            "the codec again, or pass its own weights."
        )
    return codec
