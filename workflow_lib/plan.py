"""Plan of a study: its points, its codings, and the files and options of each job.

`Plan` is a pure function of the study, the names of its scenes and the names of its files. The
rules call its methods with their wildcards: a parameter has the name of the wildcard that it takes.

Job scripts must not import this module: each of its edits would run their jobs again.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal, get_args

from workflow_lib.codecs.registry import module_of
from workflow_lib.config.datasets import Archive, Rasters
from workflow_lib.config.study import Study
from workflow_lib.data import archives, listing
from workflow_lib.data.folds import require_fair_folds, trained_on
from workflow_lib.data.info import TileInfo, describe
from workflow_lib.paths import (
    ALL,
    FINETUNED,
    UNTRAINED,
    CodecTraining,
    Paths,
    finetuned_training,
    learned_from,
    manifest,
    rate_name,
    replicate,
)

CodedRegime = Literal["frozen", "retrained", "joint", "control"]
"""A regime that scores every rate point by itself."""
Replicate = tuple[int, int]
"""A held-out fold and a seed."""
Point = tuple[str, str]
"""A codec and the name of a rate."""
Coding = tuple[str, str, str]
"""A codec, the name of a rate, and the codec's training."""

MISMATCHED = "mismatched"
"""The regime that scores a segmenter on reconstructions by another codec than it was trained on."""

TRAINED = "fold[0-9]+-seed[0-9]+(-(joint|control)-[A-Za-z0-9_-]+)?"
"""Pattern of the training of a learned codec."""

_NAME = "[A-Za-z0-9_-]+"
_RATE = "[0-9.e+-]+|lossless"

WILDCARDS = {
    "dataset": _NAME,
    "codec": _NAME,
    "rate": _RATE,
    "scene": "[^/]+",
    "segmenter": _NAME,
    "regime": "|".join(get_args(CodedRegime)),
    "fold": "[0-9]+",
    "seed": "[0-9]+",
    "part": f"{ALL}|{learned_from('[0-9]+')}",
    "training": f"{UNTRAINED}|{TRAINED}",
    "trained_codec": _NAME,
    "trained_rate": _RATE,
}
"""Pattern of each wildcard."""


@dataclass(frozen=True)
class PinnedArchive:
    """An archive by its package's name, with the digest that it must have."""

    package: str
    pin: Archive

    @property
    def file(self) -> str:
        """Name of the archive's file."""
        return archives.file_name(self.package, self.pin)


@dataclass(frozen=True)
class Plan:
    """What a study's jobs read and which options they get.

    Attributes:
        study: the validated study.
        scenes: names of the scenes of each dataset that the study needs.
        cache: folder of fetched archives.
    """

    study: Study
    scenes: Mapping[str, Sequence[str]]
    cache: Path

    @classmethod
    def of(cls, study: Study, cache: Path) -> "Plan":
        """List the study's scenes and plan its jobs.

        Args:
            study: the validated study.
            cache: folder of fetched archives, where the study names none.

        Raises:
            DownlinkError: a dataset has no scenes, its folds are unfair, or a codec would be scored
                on imagery that it was trained on.
        """
        needed = study.selected().datasets
        scenes = {name: listing.scenes(dataset.source) for name, dataset in needed.items()}
        for name, dataset in needed.items():
            require_fair_folds(name, dataset.tiling.folds, scenes[name], study.tunes_on(name))
            if study.trainer(name) != name:
                listing.require_other_imagery(name, dataset, study.datasets[study.trainer(name)])
        return cls(study, scenes, Path(study.cache).expanduser() if study.cache else cache)

    @property
    def paths(self) -> Paths:
        """Names of the study's files."""
        return Paths(self.study.results)

    # Archives and scenes

    def archives(self) -> dict[str, PinnedArchive]:
        """Every archive that the study names, by the name of its file."""
        pinned = (PinnedArchive(name, pin) for name, pin in self.study.archives.items())
        return {archive.file: archive for archive in pinned}

    def cached(self, file: str) -> str:
        """Path of an archive in the cache."""
        return str(self.cache / file)

    def source_files(self, dataset: str, scene: str) -> list[str]:
        """Files that a scene is read from."""
        source = self.study.datasets[dataset].source
        if isinstance(source, Rasters):
            image = listing.images(source)[scene]
            return [str(image), source.labels.replace("{scene}", scene)]
        archive = self._archive(dataset)
        return [self.paths.archive_mark(archive.file)] if archive else []

    def archive_options(self, dataset: str) -> str:
        """Options that name the archive of a dataset, if it has one."""
        archive = self._archive(dataset)
        if archive is None:
            return ""
        return shlex.join(
            ["--archive", self.cached(archive.file), "--pin", archive.pin.canonical()]
        )

    def _archive(self, dataset: str) -> PinnedArchive | None:
        name = self.study.datasets[dataset].source.archive
        return None if name is None else PinnedArchive(name, self.study.archives[name])

    def imagery(self, dataset: str, scene: str) -> str:
        """Description of the imagery of a scene, as JSON."""
        return listing.imagery_of(self.study.datasets[dataset].imagery(), scene).canonical()

    def info(self, dataset: str) -> TileInfo:
        """Description of a dataset's tiles."""
        return describe(dataset, self.study.datasets[dataset], self.study.bands(dataset))

    # Tiles

    def part_scenes(self, dataset: str, part: str = ALL) -> Sequence[str]:
        """Scenes of a part of a dataset."""
        if part == ALL:
            return self.scenes[dataset]
        fold = int(part.removeprefix(learned_from("")))
        return trained_on(self.study.datasets[dataset].tiling.folds, self.scenes[dataset], fold)

    def tiles(self, dataset: str, part: str = ALL) -> list[str]:
        """Tile stores of a part's scenes."""
        return [self.paths.tiles(dataset, scene) for scene in self.part_scenes(dataset, part)]

    def training_tiles(self, dataset: str, fold: int | str) -> list[str]:
        """Tile stores of the scenes that are trained on while a fold is held out."""
        return self.tiles(dataset, learned_from(fold))

    def tile_manifests(self, dataset: str, part: str) -> list[str]:
        """Manifests of a part's tile stores; Snakemake does not look inside stores."""
        return list(map(manifest, self.tiles(dataset, part)))

    # Codecs

    def codec_file(self, codec: str) -> str:
        """Source file of the module that implements a codec."""
        return f"{module_of(self.study.codecs[codec].kind).replace('.', '/')}.py"

    def codec_files(self) -> list[str]:
        """Source files of the codecs whose options judging and reporting parse."""
        return sorted({self.codec_file(codec) for codec in self.study.selected().codecs})

    def trainer(self, dataset: str, training: str) -> str:
        """Dataset on which a codec was trained: a fine-tuned codec on the dataset itself."""
        return dataset if CodecTraining.of(training).regime else self.study.trainer(dataset)

    def weights(self, dataset: str, codec: str, rate: str, training: str) -> str:
        """Weights that a learned codec codes a dataset with."""
        return self.paths.codec_weights(self.trainer(dataset, training), codec, rate, training)

    def standalone_weights(
        self, dataset: str, codec: str, rate: str, fold: int | str, seed: int | str
    ) -> str:
        """Weights of a learned codec before fine-tuning; they can be another dataset's."""
        training = self.study.training(dataset, codec, int(fold), int(seed))
        return self.paths.codec_weights(self.study.trainer(dataset), codec, rate, training)

    def coding_options(self, dataset: str, codec: str, rate: str, training: str) -> str:
        """Options that say how a scene is coded, and which folds may be scored."""
        trained, trainer = CodecTraining.of(training), self.trainer(dataset, training)
        options = ["--name", codec, "--codec", self.study.codecs[codec].canonical()]
        options += ["--rate", rate, "--threads", str(self.study.threads), "--held-out"]
        if trained.fold is not None and trainer == dataset:
            options.append(str(trained.fold))
        else:
            options += map(str, self.study.datasets[dataset].tiling.folds.held_out)
        if trained.seed is not None:
            options += ["--weights", self.weights(dataset, codec, rate, training)]
            options += ["--seed", str(trained.seed), "--trained-on", trainer]
            options += ["--device", self.study.device]
        if trained.regime:
            options += ["--regime", trained.regime, "--segmenter", trained.segmenter]
        return shlex.join(options)

    def reconstructions(
        self, dataset: str, codec: str, rate: str, training: str, part: str = ALL
    ) -> list[str]:
        """Reconstruction stores of a part's scenes."""
        return [
            self.paths.reconstruction(dataset, codec, rate, training, scene)
            for scene in self.part_scenes(dataset, part)
        ]

    def reconstruction_manifests(
        self, dataset: str, codec: str, rate: str, training: str, part: str
    ) -> list[str]:
        """Manifests of a part's reconstructions; Snakemake does not look inside stores."""
        return list(map(manifest, self.reconstructions(dataset, codec, rate, training, part)))

    # Segmenters

    def retraining_options(
        self, dataset: str, codec: str, rate: str, fold: int | str, seed: int | str
    ) -> str:
        """Options that name the reconstructions that a segmenter is trained on."""
        training = self.study.training(dataset, codec, int(fold), int(seed))
        stores = self.reconstructions(dataset, codec, rate, training, learned_from(fold))
        return shlex.join(["--reconstructions", *stores])

    def gathered_training_reconstructions(
        self, dataset: str, codec: str, rate: str, fold: int | str, seed: int | str
    ) -> str:
        """File that represents the reconstructions that a segmenter is trained on."""
        training = self.study.training(dataset, codec, int(fold), int(seed))
        part = learned_from(fold)
        return self.paths.gathered_reconstructions(dataset, codec, rate, training, part)

    def finetuning(self, dataset: str) -> str:
        """Fine-tuning of a dataset's joint regime, as JSON."""
        name = self.study.datasets[dataset].regimes.finetuning
        assert name is not None  # the study is validated
        return self.study.finetunings[name].canonical()

    # Scores

    def scored_training(
        self,
        dataset: str,
        codec: str,
        segmenter: str,
        fold: int | str,
        seed: int | str,
        regime: str = MISMATCHED,
    ) -> str:
        """Training of the codec whose reconstructions a regime scores."""
        if regime in FINETUNED:
            return finetuned_training(replicate(fold, seed), regime, segmenter)
        return self.study.training(dataset, codec, int(fold), int(seed))

    def scored_reconstructions(
        self,
        dataset: str,
        codec: str,
        rate: str,
        segmenter: str,
        fold: int | str,
        seed: int | str,
        regime: str = MISMATCHED,
    ) -> list[str]:
        """Reconstructions that a regime scores."""
        training = self.scored_training(dataset, codec, segmenter, fold, seed, regime)
        return self.reconstructions(dataset, codec, rate, training)

    def gathered_scored_reconstructions(
        self,
        dataset: str,
        codec: str,
        rate: str,
        segmenter: str,
        fold: int | str,
        seed: int | str,
        regime: str = MISMATCHED,
    ) -> str:
        """File that represents `scored_reconstructions`."""
        training = self.scored_training(dataset, codec, segmenter, fold, seed, regime)
        return self.paths.gathered_reconstructions(dataset, codec, rate, training)

    def scored_segmenter(
        self,
        dataset: str,
        codec: str,
        rate: str,
        segmenter: str,
        fold: int | str,
        seed: int | str,
        regime: str = MISMATCHED,
        trained_codec: str = "",
        trained_rate: str = "",
    ) -> str:
        """Weights of the segmenter that a regime scores; two last arguments: see `MISMATCHED`."""
        own, paths = replicate(fold, seed), self.paths
        if regime == "frozen":
            return paths.original_segmenter(dataset, segmenter, own)
        if regime == "retrained":
            return paths.retrained_segmenter(dataset, codec, rate, segmenter, own)
        if regime == MISMATCHED:
            return paths.retrained_segmenter(dataset, trained_codec, trained_rate, segmenter, own)
        return paths.finetuned_segmenter(dataset, codec, rate, segmenter, regime, own)

    def regime_options(
        self, regime: str = MISMATCHED, trained_codec: str = "", trained_rate: str = ""
    ) -> str:
        """Options that name a regime; two last arguments: see `MISMATCHED`."""
        options = ["--regime", regime]
        if regime == MISMATCHED:
            options += ["--trained-on", f"{trained_codec} at {trained_rate}"]
        return shlex.join(options)

    # The whole study

    def replicates(self, dataset: str) -> list[Replicate]:
        """Every held-out fold with every seed."""
        folds = self.study.datasets[dataset].tiling.folds.held_out
        return [(fold, seed) for fold in folds for seed in self.study.seeds]

    def points(self, dataset: str, regime: CodedRegime) -> list[Point]:
        """Rate points of a regime; those of the control are those of `joint`."""
        rates = self.study.datasets[dataset].points("joint" if regime == "control" else regime)
        return [(codec, rate_name(rate)) for codec, own in rates.items() for rate in own]

    def codings(self, dataset: str) -> list[Coding]:
        """Everything that a dataset's scenes are coded by, each coding once."""
        config = self.study.datasets[dataset]
        standalone = [
            (codec, rate_name(rate), self.study.training(dataset, codec, fold, seed))
            for codec, rates in config.rates.items()
            for rate in rates
            for fold, seed in self.replicates(dataset)
        ]
        finetuned = [
            (codec, rate, finetuned_training(replicate(fold, seed), regime, segmenter))
            for codec, rate in self.points(dataset, "joint")
            for segmenter in config.segmenters
            for regime in FINETUNED
            for fold, seed in self.replicates(dataset)
        ]
        return list(dict.fromkeys(standalone + finetuned))

    def distortion_tables(self) -> list[str]:
        """Rate and distortion of every coded scene."""
        return [
            self.paths.distortion(name, *coding, scene)
            for name in self.study.run
            for coding in self.codings(name)
            for scene in self.scenes[name]
        ]

    def score_tables(self) -> list[str]:
        """Scores of every segmenter in every regime."""
        return [
            table
            for name in self.study.run
            for segmenter in self.study.datasets[name].segmenters
            for fold, seed in self.replicates(name)
            for table in self._score_tables(name, segmenter, replicate(fold, seed))
        ]

    def _score_tables(self, dataset: str, segmenter: str, own: str) -> list[str]:
        regimes, paths = self.study.datasets[dataset].regimes, self.paths
        originals = [paths.original_scores(dataset, segmenter, own)] if regimes.original else []
        coded = [
            paths.scores(dataset, *point, segmenter, regime, own)
            for regime in get_args(CodedRegime)
            for point in self.points(dataset, regime)
        ]
        mismatched = [
            paths.mismatched_scores(
                dataset,
                pair.scored_on.codec,
                rate_name(pair.scored_on.rate),
                segmenter,
                pair.trained_on.codec,
                rate_name(pair.trained_on.rate),
                own,
            )
            for pair in regimes.mismatched
        ]
        return originals + coded + mismatched

    def baseline_tables(self) -> list[str]:
        """Scores of every threshold baseline."""
        return [
            self.paths.baseline_scores(name, fold)
            for name in self.study.run
            for fold in self.study.datasets[name].tiling.folds.held_out
        ]

    def scene_files(self) -> list[str]:
        """GeoTIFF of every scene that is reported."""
        return [
            self.paths.scene(name, scene) for name in self.study.run for scene in self.scenes[name]
        ]

    def shown_files(self) -> list[str]:
        """Stores and maps that the report shows tiles of: those of the first fold and seed."""
        return list(chain.from_iterable(map(self._shown_files, self.study.run)))

    def _shown_files(self, dataset: str) -> list[str]:
        config, paths = self.study.datasets[dataset], self.paths
        fold, seed = self.replicates(dataset)[0]
        stores = [paths.gathered_tiles(dataset)]
        for codec, rates in config.rates.items():
            training = self.study.training(dataset, codec, fold, seed)
            stores += [
                paths.gathered_reconstructions(dataset, codec, rate_name(rate), training)
                for rate in rates
            ]
        maps = [
            paths.predictions(scores)
            for segmenter in config.segmenters[:1]
            for scores in self._shown_scores(dataset, segmenter, replicate(fold, seed))
        ]
        return [*stores, *maps, paths.threshold_baseline(dataset, fold)]

    def _shown_scores(self, dataset: str, segmenter: str, own: str) -> list[str]:
        scores = [
            self.paths.scores(dataset, *point, segmenter, "frozen", own)
            for point in self.points(dataset, "frozen")
        ]
        if self.study.datasets[dataset].regimes.original:
            scores.append(self.paths.original_scores(dataset, segmenter, own))
        return scores
