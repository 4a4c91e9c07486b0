"""Metadata that all tiles of a dataset share, derived from its configuration alone."""

from workflow_lib.config.datasets import Band, Imagery
from workflow_lib.config.section import Section


class TileInfo(Section):
    """Metadata that all tiles of a dataset share.

    Attributes:
        dataset: name of the dataset.
        bands: band names, in coded order.
        wavelengths_um: centre wavelength of each band, in µm.
        native_fraction: native samples of each band per pixel of the grid (1 at native resolution).
        scale, offset: physical value = offset + scale · count.
        unit: unit of the physical values.
        data_range: peak value for PSNR, in counts.
    """

    dataset: str
    bands: tuple[str, ...]
    wavelengths_um: tuple[float, ...]
    native_fraction: tuple[float, ...]
    scale: float
    offset: float
    unit: str
    data_range: float


def describe(dataset: str, imagery: Imagery, bands: tuple[Band, ...]) -> TileInfo:
    """Derive the metadata that all tiles of a dataset share from its configuration."""
    quantity = imagery.quantity
    return TileInfo(
        dataset=dataset,
        bands=tuple(band.name for band in bands),
        wavelengths_um=tuple(band.wavelength_um for band in bands),
        native_fraction=tuple(
            min(1.0, (imagery.pixel_m / band.native_pixel_m) ** 2) for band in bands
        ),
        scale=quantity.scale,
        offset=quantity.offset,
        unit=quantity.unit,
        data_range=quantity.data_range,
    )
