"""Measure the distortion of reconstructed tiles: PSNR, RMSE, SSIM, spectral angle.

Errors are kept as sums per tile. Figures of any set of tiles follow from these sums.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workflow_lib.data.info import TileInfo
from workflow_lib.data.tiles import Tiles
from workflow_lib.measure import metric_names

if TYPE_CHECKING:
    import pandas as pd

_WINDOW = 7
"""Side of the SSIM windows in pixels."""

_AT_ONCE = 32
"""Number of tiles whose errors are in memory at a time."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Distortion:
    """Sums over the valid pixels of tiles, float64 [tile] unless another shape is given.

    Attributes:
        sse: sum of squared errors in counts², [tile, band].
        pixels: number of valid pixels.
        sse_label, pixels_label: squared errors over all bands and number of pixels, label 1.
        sse_background, pixels_background: the same for label 0.
        ssim: structural similarity, summed over windows and averaged over bands.
        windows: number of windows of 7×7 pixels without nodata.
        angle: angle between spectra in radians, summed over pixels.
        info: bands and units of all tiles.
    """

    sse: Floats
    pixels: Floats
    sse_label: Floats
    pixels_label: Floats
    sse_background: Floats
    pixels_background: Floats
    ssim: Floats
    windows: Floats
    angle: Floats
    info: TileInfo

    @classmethod
    def join(cls, parts: Iterable[Self]) -> Self:
        """Concatenate the sums of several sets of tiles, which must share one `info`."""
        parts = list(parts)
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _sums()}
        return cls(**arrays, info=parts[0].info)

    @classmethod
    def from_rows(cls, rows: "pd.DataFrame", info: TileInfo) -> Self:
        """Recover the sums from rows of tiles that `per_tile` made, for one codec and rate."""
        tiles = rows[rows["row"].notna()]
        wide = tiles.pivot(index=["scene", "row", "col"], columns="metric", values="value")
        bands = len(info.bands)

        def column(name: str) -> Floats:
            return wide[name].to_numpy(np.float64)

        def total(mean: str, count: Floats) -> Floats:
            return np.nan_to_num(column(mean)) * count if mean in wide else np.zeros(len(wide))

        pixels = column(metric_names.SAMPLES) / bands
        windows = column(metric_names.SSIM_WINDOWS)
        return cls(
            sse=np.stack(
                [column(metric_names.of_band(metric_names.SSE, b)) for b in info.bands], axis=1
            ),
            pixels=pixels,
            sse_label=column(metric_names.SSE_LABEL),
            pixels_label=column(metric_names.SAMPLES_LABEL) / bands,
            sse_background=column(metric_names.SSE_BACKGROUND),
            pixels_background=column(metric_names.SAMPLES_BACKGROUND) / bands,
            ssim=total(metric_names.SSIM, windows),
            windows=windows,
            angle=total(metric_names.SPECTRAL_ANGLE_RAD, pixels),
            info=info,
        )

    def pooled(self) -> dict[str, float]:
        """Figures of all tiles together, by metric name: ratios of sums, not means of ratios."""
        sums = {name: getattr(self, name).sum(axis=0, keepdims=True) for name in _sums()}
        figures = type(self)(**sums, info=self.info).per_tile()
        return {name: float(values[0]) for name, values in figures.items()}

    def per_tile(self) -> dict[str, Floats]:
        """Figures of each tile, float64 [tile], by metric name; nan without valid pixels."""
        bands = len(self.info.bands)
        samples = self.pixels * bands
        sse = self.sse.sum(axis=1)
        figures = {
            metric_names.PSNR_DB: self._psnr(sse, samples),
            metric_names.RMSE: self._rmse(sse, samples),
            metric_names.RMSE_LABEL: self._rmse(self.sse_label, self.pixels_label * bands),
            metric_names.RMSE_BACKGROUND: self._rmse(
                self.sse_background, self.pixels_background * bands
            ),
            metric_names.SSIM: _ratio(self.ssim, self.windows),
            metric_names.SSE: sse,
            metric_names.SAMPLES: samples,
            metric_names.SSE_LABEL: self.sse_label,
            metric_names.SAMPLES_LABEL: self.pixels_label * bands,
            metric_names.SSE_BACKGROUND: self.sse_background,
            metric_names.SAMPLES_BACKGROUND: self.pixels_background * bands,
            metric_names.SSIM_WINDOWS: self.windows,
        }
        for name, of_band in zip(self.info.bands, self.sse.T, strict=True):
            figures[metric_names.of_band(metric_names.PSNR_DB, name)] = self._psnr(
                of_band, self.pixels
            )
            figures[metric_names.of_band(metric_names.SSE, name)] = of_band
        if bands > 1:
            figures[metric_names.SPECTRAL_ANGLE_RAD] = _ratio(self.angle, self.pixels)
        return figures

    def _psnr(self, sse: Floats, samples: Floats) -> Floats:
        return psnr(sse, samples, self.info.data_range)

    def _rmse(self, sse: Floats, samples: Floats) -> Floats:
        return self.info.scale * np.sqrt(_ratio(sse, samples))


def psnr(sse: ArrayLike, samples: ArrayLike, data_range: float) -> Floats:
    """PSNR in dB; infinite for a lossless reconstruction, nan without samples.

    Args:
        sse: sums of squared errors in counts².
        samples: number of samples behind each sum.
        data_range: peak value in counts.
    """
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(data_range**2 / _ratio(sse, samples)))


def measure(original: Tiles, reconstruction: NDArray[np.uint16]) -> Distortion:
    """Compare reconstructed counts with the originals, on the originals' valid pixels.

    Structural similarity follows Wang et al. (2004), IEEE Trans. Image Process. 13:600–612. The
    spectral angle follows Kruse et al. (1993), Remote Sens. Environ. 44:145–163. It is π/2 where
    the reconstructed spectrum is zero.

    Args:
        original: the tiles that were coded.
        reconstruction: counts of the same tiles, uint16 [tile, band, y, x].

    Raises:
        ValueError: the shapes differ.
    """
    if original.image.shape != reconstruction.shape:
        raise ValueError(
            f"originals have shape {original.image.shape}, reconstructions {reconstruction.shape}"
        )
    valid = original.valid
    parts = (slice(first, first + _AT_ONCE) for first in range(0, max(len(original), 1), _AT_ONCE))
    return Distortion.join(
        _measure(
            original.image[part],
            reconstruction[part],
            original.label[part],
            valid[part],
            original.info,
        )
        for part in parts
    )


def squared_error(original: Tiles, reconstruction: NDArray[np.uint16]) -> tuple[float, float]:
    """Sum of squared errors in counts² over the valid pixels, and the number of valid samples.

    Args:
        original, reconstruction: see `measure`.
    """
    valid = original.valid
    total = sum(
        float((squared * mask).sum())
        for before, after, mask in zip(original.image, reconstruction, valid, strict=True)
        for squared in [(before.astype(np.int64) - after) ** 2]
    )
    return total, float(valid.sum() * original.image.shape[1])


def _measure(
    before: NDArray[np.uint16],
    after: NDArray[np.uint16],
    labels: NDArray[np.uint8],
    valid: NDArray[np.bool_],
    info: TileInfo,
) -> Distortion:
    # zero nodata pixels on both sides: what a codec decodes there must not count
    before, after = before * valid[:, None], after * valid[:, None]
    squared = (before.astype(np.int64) - after) ** 2
    label, background = valid & (labels == 1), valid & (labels == 0)
    windows = _whole_windows(valid)
    return Distortion(
        sse=np.asarray(squared.sum(axis=(2, 3)), np.float64),
        pixels=_count(valid),
        sse_label=_within(squared, label),
        pixels_label=_count(label),
        sse_background=_within(squared, background),
        pixels_background=_count(background),
        ssim=_similarity(before, after, windows, info.data_range),
        windows=_count(windows),
        angle=_angles(before, after, valid),
        info=info,
    )


def _sums() -> list[str]:
    return [f.name for f in fields(Distortion) if f.name != "info"]


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.divide(numerator, denominator))


def _count(mask: NDArray[np.bool_]) -> Floats:
    return np.asarray(mask.sum(axis=(1, 2)), np.float64)


def _within(squared: NDArray[np.int64], mask: NDArray[np.bool_]) -> Floats:
    return np.asarray((squared.sum(axis=1) * mask).sum(axis=(1, 2)), np.float64)


def _whole_windows(valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_erosion

    return np.asarray(binary_erosion(valid, np.ones((1, _WINDOW, _WINDOW), bool)))


def _similarity(
    before: NDArray[np.uint16],
    after: NDArray[np.uint16],
    windows: NDArray[np.bool_],
    data_range: float,
) -> Floats:
    from skimage.metrics import structural_similarity

    sums = np.zeros(len(before))
    for number, (a, b, whole) in enumerate(zip(before, after, windows, strict=True)):
        _, similarity = structural_similarity(  # type: ignore[no-untyped-call]
            a, b, win_size=_WINDOW, data_range=data_range, channel_axis=0, full=True
        )
        sums[number] = similarity.mean(axis=0)[whole].sum()
    return sums


def _angles(
    before: NDArray[np.uint16], after: NDArray[np.uint16], valid: NDArray[np.bool_]
) -> Floats:
    # not from torchmetrics: its import would cost every coding job seconds
    sums = np.zeros(len(before))
    if before.shape[1] == 1:
        return sums
    for number, (a, b, mask) in enumerate(zip(before, after, valid, strict=True)):
        u, v = a[:, mask].astype(np.float64), b[:, mask].astype(np.float64)
        cosine = _ratio((u * v).sum(axis=0), np.sqrt((u**2).sum(axis=0) * (v**2).sum(axis=0)))
        sums[number] = np.arccos(np.clip(np.nan_to_num(cosine, nan=0), -1, 1)).sum()
    return sums
