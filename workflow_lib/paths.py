"""Names of all files of a study, for rules, scripts and tests.

Every method takes names or Snakemake wildcards such as `"{dataset}"`. A codec's `training` is
`UNTRAINED`, a replicate, or what `finetuned_training` gives.
"""

from dataclasses import dataclass
from typing import Literal


def manifest(store: str) -> str:
    """Name of the digest of a store; it is written when the store is complete."""
    return f"{store.removesuffix('.zarr')}.manifest.json"


def rate_name(rate: float | Literal["lossless"]) -> str:
    """Name of a rate point, e.g. 0.05 or lossless."""
    return rate if isinstance(rate, str) else f"{rate:.12g}"


FINETUNED: tuple[Literal["joint"], Literal["control"]] = ("joint", "control")
"""Regimes in which the codec is fine-tuned: they have bitstreams of their own."""
UNTRAINED = "any"
"""The training of a codec that has none: one for all held-out folds and seeds."""


RESERVED = frozenset(
    {"archives", "provenance", "logs", "benchmarks", "runs", "workflow"}
    | {"audit.html", "audit.json", "ro-crate-metadata.json", "ro-crate-preview.html"}
)
"""Names in a results folder that no dataset may have."""


ALL = "scenes"
"""The part of a dataset that contains all its scenes."""


def learned_from(fold: int | str) -> str:
    """The part of a dataset's scenes that is trained on while a fold is held out."""
    return f"training-fold{fold}"


def replicate(fold: int | str, seed: int | str) -> str:
    """Name of a held-out fold and a seed; codecs and segmenters are trained once for each."""
    return f"fold{fold}-seed{seed}"


def finetuned_training(replicate: str, regime: str, segmenter: str) -> str:
    """Name of the training of a codec that was fine-tuned with a segmenter, or as its control."""
    return f"{replicate}-{regime}-{segmenter}"


@dataclass(frozen=True)
class CodecTraining:
    """Parts of a codec's training; parts that do not apply are None or empty."""

    fold: int | None = None
    seed: int | None = None
    regime: str = ""
    segmenter: str = ""

    @classmethod
    def of(cls, training: str) -> "CodecTraining":
        """Parse the name of a training."""
        if training == UNTRAINED:
            return cls()
        fold, seed, *finetuned = training.split("-", 3)
        return cls(int(fold.removeprefix("fold")), int(seed.removeprefix("seed")), *finetuned)


@dataclass(frozen=True)
class Paths:
    """Artifacts below one results folder."""

    root: str

    def archive_mark(self, file: str) -> str:
        """Mark that an archive of this name is in the cache and verified."""
        return f"{self.root}/archives/{file}.sha256"

    def scene(self, dataset: str, scene: str) -> str:
        """GeoTIFF of a scene's counts, with the label as its last band."""
        return f"{self.root}/{dataset}/scenes/{scene}.tif"

    def tiles(self, dataset: str, scene: str) -> str:
        """Tile store of a scene."""
        return f"{self.root}/{dataset}/tiles/{scene}.zarr"

    def gathered_tiles(self, dataset: str, part: str = ALL) -> str:
        """Digests of the tile stores of a part's scenes; represents them as one input."""
        return f"{self.root}/{dataset}/tiles/{part}.txt"

    def codec_weights(self, dataset: str, codec: str, rate: str, training: str) -> str:
        """Weights of a learned codec."""
        return f"{self.root}/{dataset}/codecs/{codec}/{rate}/{training}/weights.safetensors"

    def bitstream(self, dataset: str, codec: str, rate: str, training: str, scene: str) -> str:
        """Container of a coded scene."""
        return f"{self.root}/{dataset}/bitstreams/{codec}/{rate}/{training}/{scene}.dlk"

    def reconstruction(self, dataset: str, codec: str, rate: str, training: str, scene: str) -> str:
        """Store of the tiles decoded from the bitstream."""
        return f"{self.root}/{dataset}/reconstructions/{codec}/{rate}/{training}/{scene}.zarr"

    def gathered_reconstructions(
        self, dataset: str, codec: str, rate: str, training: str, part: str = ALL
    ) -> str:
        """Digests of the reconstructions of a part's scenes; represents them as one input."""
        return f"{self.root}/{dataset}/reconstructions/{codec}/{rate}/{training}/{part}.txt"

    def distortion(self, dataset: str, codec: str, rate: str, training: str, scene: str) -> str:
        """Rate and distortion of a coded scene, as a tidy table."""
        return f"{self.root}/{dataset}/distortion/{codec}/{rate}/{training}/{scene}.parquet"

    def original_segmenter(self, dataset: str, segmenter: str, replicate: str) -> str:
        """Weights of a segmenter trained on originals."""
        return f"{self.root}/{dataset}/segmenters/{segmenter}/original/{replicate}.safetensors"

    def retrained_segmenter(
        self, dataset: str, codec: str, rate: str, segmenter: str, replicate: str
    ) -> str:
        """Weights of a segmenter trained on reconstructions."""
        folder = f"{self.root}/{dataset}/segmenters/{segmenter}/retrained"
        return f"{folder}/{codec}/{rate}/{replicate}.safetensors"

    def finetuned_segmenter(
        self, dataset: str, codec: str, rate: str, segmenter: str, regime: str, replicate: str
    ) -> str:
        """Weights of a segmenter after joint fine-tuning or its control.

        Those of the codec are `codec_weights` of the training `finetuned_training`.
        """
        folder = f"{self.root}/{dataset}/segmenters/{segmenter}/{regime}"
        return f"{folder}/{codec}/{rate}/{replicate}.safetensors"

    def finetuning_choice(self, finetuned_segmenter: str) -> str:
        """The configurations tried and the one chosen, as JSON."""
        return f"{finetuned_segmenter.removesuffix('.safetensors')}.choice.json"

    def threshold_baseline(self, dataset: str, fold: int | str) -> str:
        """The threshold baseline for a held-out fold, as JSON."""
        return f"{self.root}/{dataset}/segmenters/threshold-baseline/fold{fold}.json"

    def original_scores(self, dataset: str, segmenter: str, replicate: str) -> str:
        """Scores on originals, as a tidy table."""
        return f"{self.root}/{dataset}/scores/{segmenter}/original/{replicate}.parquet"

    def scores(
        self, dataset: str, codec: str, rate: str, segmenter: str, regime: str, replicate: str
    ) -> str:
        """Scores on reconstructions, as a tidy table."""
        folder = f"{self.root}/{dataset}/scores/{segmenter}/{regime}"
        return f"{folder}/{codec}/{rate}/{replicate}.parquet"

    def mismatched_scores(
        self,
        dataset: str,
        codec: str,
        rate: str,
        segmenter: str,
        trained_codec: str,
        trained_rate: str,
        replicate: str,
    ) -> str:
        """Scores on one codec's reconstructions of a segmenter trained on another's."""
        folder = f"{self.root}/{dataset}/scores/{segmenter}/mismatched"
        return f"{folder}/{trained_codec}/{trained_rate}/on/{codec}/{rate}/{replicate}.parquet"

    def baseline_scores(self, dataset: str, fold: int | str) -> str:
        """Scores of the threshold baseline on originals, as a tidy table."""
        return f"{self.root}/{dataset}/scores/threshold-baseline/fold{fold}.parquet"

    def metrics(self) -> str:
        """The study's tidy table."""
        return f"{self.root}/metrics.parquet"

    def main_table(self) -> str:
        """The study's main table."""
        return f"{self.root}/main_table.csv"

    def findings(self) -> str:
        """Intervals, comparisons, verdicts and claims, as JSON."""
        return f"{self.root}/findings.json"

    def report(self) -> str:
        """The report."""
        return f"{self.root}/report.html"

    def predictions(self, scores: str) -> str:
        """Predicted probabilities behind a table of scores."""
        return f"{scores.removesuffix('.parquet')}.predictions.npz"

    def run_folder(self, artifact: str) -> str:
        """Folder of the checkpoint and log of a training; it is kept if the job fails."""
        return artifact.replace(self.root, f"{self.root}/runs", 1)

    def sidecar(self, artifact: str) -> str:
        """Record of the job whose first output is `artifact`, as JSON."""
        return artifact.replace(self.root, f"{self.root}/provenance", 1) + ".json"

    def log(self, artifact: str) -> str:
        """Log of the job that makes `artifact`."""
        return artifact.replace(self.root, f"{self.root}/logs", 1) + ".log"

    def benchmark(self, artifact: str) -> str:
        """Time and memory of the job that makes `artifact`."""
        return artifact.replace(self.root, f"{self.root}/benchmarks", 1) + ".tsv"
