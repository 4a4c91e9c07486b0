"""The study: its datasets, codecs, segmenters and rate points."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from workflow_lib.codecs.registry import CodecConfig
from workflow_lib.config.datasets import Archive, Band, Budget, Dataset, Rate
from workflow_lib.config.finetuning import Finetuning
from workflow_lib.config.section import Name, Section
from workflow_lib.config.segmenters import Segmenter
from workflow_lib.config.statistics import Statistics
from workflow_lib.devices import Device
from workflow_lib.errors import DownlinkError
from workflow_lib.paths import RESERVED, UNTRAINED, replicate


def _folder(given: str) -> str:
    """Normalise a folder's name, because sidecars, audits and crates compare names."""
    folder = PurePosixPath(re.sub("/+", "/", given))
    if not folder.name or ".." in folder.parts or not given.isprintable():
        raise ValueError(
            f"{given!r} must name a separate folder without `..`: either relative to the "
            "project's folder (results/mine) or as an absolute path"
        )
    return str(folder)


class Study(Section):
    """Everything that a study's results depend on."""

    name: Name
    """Name of the study."""
    results: Annotated[str, AfterValidator(_folder)]
    """Folder of all results."""
    cache: str | None = None
    """Folder in which fetched archives are kept between studies; by default the user's cache."""
    archive_folder: str | None = None
    """Folder of archives that is searched before the package index."""
    threads: int = Field(default=1, ge=1)
    """Threads of one job; results are bit-equal for the same number."""
    device: Device = "auto"
    """Where networks are trained and learned codecs run. `auto` takes a GPU if torch finds one.
    Results are bit-equal on one kind of device."""
    tiling_budget: Budget = Field(default_factory=Budget)
    """Threads and memory for the tiling of one scene."""
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(0,), min_length=1)
    """Seeds of all trainings: codecs and segmenters are trained once for each."""
    run: tuple[Name, ...] = Field(min_length=1)
    """Datasets that are run, in the order of the report."""
    archives: dict[Name, Archive] = Field(default_factory=dict)
    """Pinned archives, by package name."""
    sensors: dict[Name, tuple[Band, ...]] = Field(default_factory=dict)
    """Bands by sensor."""
    datasets: dict[Name, Dataset]
    """Datasets, by name."""
    codecs: dict[Name, CodecConfig] = Field(default_factory=dict)
    """Codecs, by name."""
    segmenters: dict[Name, Segmenter] = Field(default_factory=dict)
    """Segmenters, by name."""
    finetunings: dict[Name, Finetuning] = Field(default_factory=dict)
    """Joint fine-tunings by name, for the regime `joint`."""
    statistics: Statistics = Field(default_factory=Statistics)
    """Options of intervals and verdicts."""
    patched: dict[str, str] = Field(default_factory=dict)
    """Installed packages that differ from what their makers published, each with the reason. A run
    refuses such a package unless it is named here; audit, report and crate tell of it."""

    def bands(self, dataset: str) -> tuple[Band, ...]:
        """Return the bands of a dataset, in coded order."""
        chosen = self.datasets[dataset]
        by_name = {band.name: band for band in self.sensors[chosen.sensor]}
        return tuple(by_name[name] for name in chosen.bands)

    def coded_by(self) -> list[str]:
        """The codecs of the datasets that are run."""
        return sorted({codec for name in self.run for codec in self.datasets[name].rates})

    def selected(self) -> "Study":
        """Return the study with only the datasets, codecs and archives that its results need."""
        datasets = {name: self.datasets[name] for name in self._needed()}
        used = {codec for dataset in datasets.values() for codec in dataset.rates}
        codecs = {name: options for name, options in self.codecs.items() if name in used}
        read = {dataset.source.archive for dataset in datasets.values()}
        archives = {name: archive for name, archive in self.archives.items() if name in read}
        chosen = {"datasets": datasets, "codecs": codecs, "archives": archives}
        return self.model_copy(update=chosen)

    def reported(self) -> "Study":
        """Return what the report depends on: `selected`, without options that change no result."""
        unseen = {"cache": None, "archive_folder": None, "tiling_budget": Budget()}
        return self.selected().model_copy(update=unseen)

    def judged(self) -> "Study":
        """Return what the findings depend on: `reported`, without titles, captions and credits."""
        study, told = self.reported(), {"title": "", "caption": "", "credit": "", "licenses": ()}
        datasets = {name: own.model_copy(update=told) for name, own in study.datasets.items()}
        return study.model_copy(update={"datasets": datasets, "patched": {}})

    def _needed(self) -> list[str]:
        return list(dict.fromkeys([*self.run, *(self.trainer(name) for name in self.run)]))

    def trainer(self, dataset: str) -> str:
        """The dataset on whose tiles the codecs of `dataset` are trained."""
        return self.datasets[dataset].codec_from or dataset

    def learns_on(self, dataset: str) -> bool:
        """Whether learned codecs are trained on the dataset for its own use."""
        own = self.datasets[dataset]
        return own.codec_from is None and any(self.codecs[codec].learned for codec in own.rates)

    def tunes_on(self, dataset: str) -> bool:
        """Whether learned codecs are trained or fine-tuned on the dataset."""
        return self.learns_on(dataset) or bool(self.datasets[dataset].points("joint"))

    def training(self, dataset: str, codec: str, fold: int, seed: int) -> str:
        """Return the training of the codec that codes `dataset` while `fold` is held out.

        Of a borrowed codec, it is the training for the lender's first held-out fold.
        """
        if not self.codecs[codec].learned:
            return UNTRAINED
        trainer = self.trainer(dataset)
        if trainer != dataset:
            fold = self.datasets[trainer].tiling.folds.held_out[0]
        return replicate(fold, seed)

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        _unique("run", self.run)
        _unique("seeds", self.seeds)
        for name in self.run:
            _known("run", name, self.datasets)
        for name, dataset in self.datasets.items():
            if name in RESERVED:
                raise ValueError(
                    f"datasets.{name}: {self.results}/{name} is reserved for the workflow's own "
                    "files; rename the dataset"
                )
            self._check(f"datasets.{name}", dataset)
        return self

    def _check(self, key: str, dataset: Dataset) -> None:
        _known(f"{key}.sensor", dataset.sensor, self.sensors)
        offered = [band.name for band in self.sensors[dataset.sensor]]
        for band in dataset.bands:
            _known(f"{key}.bands", band, offered)
        _unique(f"{key}.bands", dataset.bands)
        if dataset.source.archive is not None:
            _known(f"{key}.source.archive", dataset.source.archive, self.archives)
        for segmenter in dataset.segmenters:
            _known(f"{key}.segmenters", segmenter, self.segmenters)
            _fits(f"{key}.segmenters", self.segmenters[segmenter].training.crop, dataset)
        for codec, rates in dataset.rates.items():
            _known(f"{key}.rates", codec, self.codecs)
            self._check_rates(f"{key}.rates.{codec}", codec, rates, dataset)
        self._check_regimes(f"{key}.regimes", dataset)
        if dataset.codec_from is not None:
            self._check_trainer(f"{key}.codec_from", dataset)

    def _check_regimes(self, key: str, dataset: Dataset) -> None:
        regimes = dataset.regimes
        for regime in ("frozen", "retrained", "joint"):
            wanted = getattr(regimes, regime)
            for codec, rates in wanted.items() if isinstance(wanted, dict) else ():
                _known(f"{key}.{regime}", codec, dataset.rates)
                if rates == "all":
                    continue
                for rate in rates:
                    _known(f"{key}.{regime}.{codec}", rate, dataset.rates[codec])
                _unique(f"{key}.{regime}.{codec}", rates)
        for mismatch in regimes.mismatched:
            for point in (mismatch.trained_on, mismatch.scored_on):
                _known(f"{key}.mismatched", point.codec, dataset.rates)
                _known(f"{key}.mismatched.{point.codec}", point.rate, dataset.rates[point.codec])
            if mismatch.trained_on == mismatch.scored_on:
                raise ValueError(f"{key}.mismatched: names one point twice; use `retrained`")
        if not regimes.original and (dataset.points("frozen") or dataset.points("joint")):
            raise ValueError(f"{key}.original: must be true, because frozen and joint need it")
        for codec in dataset.points("joint"):
            if not self.codecs[codec].learned:
                raise ValueError(f"{key}.joint: {codec} is not learned")
            if regimes.finetuning is None:
                raise ValueError(f"{key}.finetuning: `joint` needs one of the study's finetunings")
            _known(f"{key}.finetuning", regimes.finetuning, self.finetunings)
            _fits(f"{key}.finetuning", self.finetunings[regimes.finetuning].training.crop, dataset)

    def _check_rates(self, key: str, codec: str, rates: tuple[Rate, ...], dataset: Dataset) -> None:
        config = self.codecs[codec]
        _unique(key, rates)
        if not rates:
            raise ValueError(f"{key}: lists no rate")
        for rate in rates:
            if rate == "lossless":
                if not config.lossless:
                    raise ValueError(f"{key}: {config.kind} does not offer lossless")
                continue
            if rate <= 0:
                raise ValueError(f"{key}: {rate} must be above 0")
            try:
                config.check_rate(rate, dataset.tiling.tile, len(dataset.bands))
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from None

    def _check_trainer(self, key: str, dataset: Dataset) -> None:
        assert dataset.codec_from is not None
        _known(key, dataset.codec_from, self.datasets)
        trainer = self.datasets[dataset.codec_from]
        if (trainer.sensor, trainer.bands) != (dataset.sensor, dataset.bands):
            raise ValueError(f"{key}: {dataset.codec_from} has different bands")
        if trainer.codec_from is not None:
            raise ValueError(f"{key}: {dataset.codec_from} has no codecs of its own")
        for codec, rates in dataset.rates.items():
            if self.codecs[codec].learned:
                for rate in rates:
                    _known(f"{key}: rates.{codec}", rate, trainer.rates.get(codec, ()))


def _known(key: str, name: object, offered: Any) -> None:
    if name not in offered:
        raise ValueError(f"{key}: {name!r} is not one of {', '.join(map(str, offered)) or 'none'}")


def _unique(key: str, values: tuple[Any, ...]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{key}: {value} is listed twice")


def _fits(key: str, crop: int, dataset: Dataset) -> None:
    if crop > dataset.tiling.tile:
        raise ValueError(
            f"{key}: training crop {crop} is larger than the tile {dataset.tiling.tile}"
        )


def validate(config: dict[str, Any]) -> Study:
    """The study that a parsed configuration describes.

    Raises:
        DownlinkError: one line per mistake, with the key, the value and what is allowed.
    """
    _require_own_keys(config)
    try:
        return Study.model_validate(config)
    except ValidationError as error:
        lines = (_line(entry, config) for entry in error.errors())
        raise DownlinkError("\n".join(lines)) from None


def _require_own_keys(config: Mapping[str, Any]) -> None:
    missing = [key for key in ("name", "results", "run") if key not in config]
    if missing:
        raise DownlinkError(
            f"configuration: {', '.join(missing)}: missing. A study file needs a name, a results "
            "folder and the datasets to run; see configs/smoke.yaml."
        )


def _line(entry: Any, config: Any) -> str:
    path = ".".join(_keys(entry, config))
    message = entry["msg"].removeprefix("Value error, ").replace("valid tuple", "list, e.g. [1]")
    if entry["type"] == "extra_forbidden":
        message = "unknown key"
    elif entry["type"] not in {"value_error", "missing"}:
        message += f", not {entry['input']!r}"
    return f"configuration: {path}: {message}" if path else f"configuration: {message}"


def _keys(entry: Any, config: Any) -> Iterator[str]:
    """Yield the keys that lead to a mistake, without the tags that pydantic puts between them."""
    for part in entry["loc"]:
        here = range(len(config)) if isinstance(config, list) else config
        known = isinstance(here, Mapping | range) and part in here
        if known or (entry["type"] == "missing" and part == entry["loc"][-1]):
            yield str(part)
        config = config[part] if known else config
