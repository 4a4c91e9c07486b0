"""The codec `klt-jpeg2000`: a spectral Karhunen–Loève transform (KLT), then JPEG 2000."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workflow_lib.codecs.base import Codec, Encoded, as_counts, never_lossless
from workflow_lib.codecs.codestream import header_length
from workflow_lib.codecs.jpeg2000_rate import compress, decompress
from workflow_lib.errors import BitstreamError

_MIDDLE = 32768
_ROWS = 64


@dataclass(frozen=True)
class Klt:
    """An orthonormal spectral transform.

    Attributes:
        mean: float32 [band].
        basis: float32 [component, band], rows orthonormal, by falling variance.
        scale: counts per unit of a coefficient; below 1 only where coefficients would overflow.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    scale: np.float32

    @classmethod
    def fit(cls, image: NDArray[np.uint16]) -> "Klt":
        """The KLT of an image's spectra, uint16 [band, y, x]; constant bands are no obstacle."""
        samples = image.reshape(len(image), -1).astype(np.float64)
        mean = samples.mean(axis=1)
        covariance = (samples - mean[:, None]) @ (samples - mean[:, None]).T / samples.shape[1]
        vectors = np.linalg.eigh(covariance)[1].T[::-1]
        signs = np.sign(vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)])
        basis = (vectors * signs[:, None]).astype(np.float32)
        extreme = np.abs(basis @ (samples - mean[:, None])).max()
        scale = min(1.0, (_MIDDLE - 1) / max(extreme, 1.0))
        return cls(mean.astype(np.float32), basis, np.float32(scale))

    def forward(self, image: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Coefficients as counts around 32768, uint16 [component, y, x]."""
        centred = image.reshape(len(image), -1) - self.mean[:, None].astype(np.float64)
        coefficients = self.scale * (self.basis @ centred)
        return as_counts(coefficients.reshape(image.shape) + _MIDDLE)

    def inverse(self, coefficients: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """The image, uint16 [band, y, x]."""
        # in parts: float64 of a whole scene would take many times its counts
        image = np.empty_like(coefficients)
        for start in range(0, coefficients.shape[1], _ROWS):
            part = coefficients[:, start : start + _ROWS]
            flat = part.reshape(len(part), -1).astype(np.float64) - _MIDDLE
            bands = self.basis.T @ (flat / self.scale) + self.mean[:, None]
            image[:, start : start + _ROWS] = as_counts(bands.reshape(part.shape))
        return image

    def to_bytes(self) -> bytes:
        """Little-endian float32: scale, means, basis; 4·(1 + B + B²) bytes for B bands."""
        parts = [np.atleast_1d(self.scale), self.mean, self.basis.ravel()]
        return np.concatenate(parts).astype("<f4").tobytes()

    @classmethod
    def from_bytes(cls, side: bytes, bands: int) -> "Klt":
        """What `to_bytes` wrote.

        Raises:
            BitstreamError: another length, or values that are no transform.
        """
        if len(side) != 4 * (1 + bands + bands**2):
            raise BitstreamError(
                f"KLT: {len(side)} bytes do not contain a transform of {bands} bands."
            )
        values = np.frombuffer(side, "<f4").astype(np.float32)
        if not np.isfinite(values).all() or not 0 < values[0] <= 1:
            raise BitstreamError("KLT: the side information is damaged.")
        return cls(values[1 : 1 + bands], values[1 + bands :].reshape(bands, bands), values[0])


@dataclass(frozen=True)
class KltJpeg2000Codec(Codec):
    """Spectral KLT, then JPEG 2000; matrix and means are side information."""

    def encode(self, image: NDArray[np.uint16], budget: int | None) -> Encoded:
        """See `Codec.encode`; never lossless, because the transform is not reversible."""
        if budget is None:
            raise never_lossless("klt-jpeg2000")
        klt = Klt.fit(image)
        side = klt.to_bytes()
        # The decoder's transform is the rounded one; the encoder must use the same.
        payload = compress(klt.forward(image), max(budget - len(side), 1))
        return Encoded.near(budget, payload, side)

    def decode(
        self, payload: bytes, side: bytes, shape: tuple[int, int, int]
    ) -> NDArray[np.uint16]:
        """See `Codec.decode`."""
        return Klt.from_bytes(side, shape[0]).inverse(decompress(payload, shape))

    def payload_header(self, payload: bytes) -> int:
        """See `Codec.payload_header`."""
        return header_length(payload)
