"""The trained learned codec: images to bitstreams and back."""

import struct
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from workflow_lib.codecs.base import Codec, Encoded, as_counts
from workflow_lib.codecs.learned.latents import decode_latents, encode_latents
from workflow_lib.codecs.learned.model import ALIGNMENT, HYPER_STRIDE, Architecture, LearnedModel
from workflow_lib.codecs.learned.transforms import PATCH
from workflow_lib.config.codecs import Learned
from workflow_lib.data.tiles import TileInfo
from workflow_lib.errors import BitstreamError, DownlinkError
from workflow_lib.training import load_weights

_HEAD = struct.Struct("<I")


class LearnedCodec(Codec):
    """A trained model that codes images of any size; follows the protocol `Codec`.

    A payload is the length of the hyperlatents' stream (4 bytes, little-endian), that stream, and
    the latents' stream. It decodes on the machine and with the thread count of the encoder.
    """

    def __init__(self, model: LearnedModel) -> None:
        self.model = model.eval()

    @classmethod
    def load(cls, weights: Path) -> Self:
        """The codec that `fit` wrote.

        Raises:
            DownlinkError: the file is missing, damaged or of another kind.
        """
        tensors, metadata = load_weights(weights)
        try:
            sizes = Architecture(*(int(metadata[k]) for k in ("bands", "channels", "latents")))
            model = LearnedModel(sizes)
            model.load_state_dict(tensors)
        except (KeyError, ValueError, RuntimeError) as error:
            raise DownlinkError(
                f"{weights}: not the weights of a learned codec ({error}). Delete it, run again."
            ) from error
        return cls(model)

    @torch.inference_mode()
    def encode(self, image: NDArray[np.uint16], budget: int | None = None) -> Encoded:
        """See `Codec.encode`; the rate follows from λ alone."""
        counts = torch.from_numpy(image.astype(np.float32))[None]
        height, width = image.shape[1:]
        border = (0, -width % ALIGNMENT, 0, -height % ALIGNMENT)
        padded = nn.functional.pad(counts, border, mode="replicate")
        latents = self.model.analysis(self.model.normalise(padded))
        hyper = self.model.hyper_analysis(latents / self.model.spread)
        (hyper_stream,) = self.model.entropy_bottleneck.compress(hyper)
        hyper_hat = self.model.entropy_bottleneck.decompress([hyper_stream], hyper.shape[2:])
        stream = encode_latents(self.model, latents, self.model.hyper_synthesis(hyper_hat))
        return Encoded(_HEAD.pack(len(hyper_stream)) + hyper_stream + stream)

    @torch.inference_mode()
    def decode(
        self, payload: bytes, side: bytes, shape: tuple[int, int, int]
    ) -> NDArray[np.uint16]:
        """See `Codec.decode`."""
        bands, height, width = shape
        if bands != self.model.sizes.bands:
            raise BitstreamError(
                f"dgml: these weights decode {self.model.sizes.bands} bands, not {bands}."
            )
        hyper_stream, stream = _split(payload)
        unit = PATCH * HYPER_STRIDE
        size = (-(-height // unit), -(-width // unit))
        hyper_hat = self.model.entropy_bottleneck.decompress([hyper_stream], size)
        latents = decode_latents(self.model, stream, self.model.hyper_synthesis(hyper_hat))
        image = self.model.counts(self.model.synthesis(latents, latents / self.model.spread))
        return as_counts(image[0, :, :height, :width].numpy())

    def payload_header(self, payload: bytes) -> int:
        """See `Codec.payload_header`."""
        return _HEAD.size


def _split(payload: bytes) -> tuple[bytes, bytes]:
    """The hyperlatents' and the latents' stream."""
    if len(payload) < _HEAD.size:
        raise BitstreamError("dgml: the payload is truncated.")
    end = _HEAD.size + _HEAD.unpack_from(payload)[0]
    if end > len(payload):
        raise BitstreamError("dgml: the payload is truncated.")
    return payload[_HEAD.size : end], payload[end:]


def open_codec(config: Learned, info: TileInfo, weights: Path | None) -> LearnedCodec:
    """See `registry.open_codec`."""
    if weights is None:
        raise DownlinkError("a learned codec needs its weights (--weights).")
    return LearnedCodec.load(weights)
