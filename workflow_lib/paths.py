"""The name of every artifact, for rules, scripts and tests alike.

Every method takes names or Snakemake wildcards such as `"{dataset}"`.
"""

from dataclasses import dataclass
from typing import Literal


def manifest(store: str) -> str:
    """Digest of a store, written beside it when the store is complete."""
    return f"{store.removesuffix('.zarr')}.manifest.json"


def rate_name(rate: float | Literal["lossless"]) -> str:
    """The rate point's name, e.g. 0.05 or lossless."""
    return rate if isinstance(rate, str) else f"{rate:.12g}"


def replicate(fold: int, seed: int) -> str:
    """The name of one training: the fold held out and the seed."""
    return f"fold{fold}-seed{seed}"


@dataclass(frozen=True)
class Paths:
    """Artifacts below one results folder."""

    root: str

    def archive_mark(self, file: str) -> str:
        """Says that an archive of this name is in the cache, verified."""
        return f"{self.root}/archives/{file}.sha256"

    def scene(self, dataset: str, scene: str) -> str:
        """GeoTIFF of a scene's counts, with the label as its last band."""
        return f"{self.root}/{dataset}/scenes/{scene}.tif"

    def tiles(self, dataset: str, scene: str) -> str:
        """Tile store of a scene."""
        return f"{self.root}/{dataset}/tiles/{scene}.zarr"

    def codec_weights(self, dataset: str, codec: str, rate: str) -> str:
        """Weights of a learned codec."""
        return f"{self.root}/{dataset}/codecs/{codec}/{rate}/weights.safetensors"

    def bitstream(self, dataset: str, codec: str, rate: str, scene: str) -> str:
        """Container of a coded scene."""
        return f"{self.root}/{dataset}/bitstreams/{codec}/{rate}/{scene}.dlk"

    def reconstruction(self, dataset: str, codec: str, rate: str, training: str, scene: str) -> str:
        """Store of the tiles decoded from the bitstream; see `Study.training`."""
        return f"{self.root}/{dataset}/reconstructions/{codec}/{rate}/{training}/{scene}.zarr"

    def distortion(self, dataset: str, codec: str, rate: str, scene: str) -> str:
        """Rate and distortion of a coded scene, as a tidy table."""
        return f"{self.root}/{dataset}/distortion/{codec}/{rate}/{scene}.parquet"

    def original_segmenter(self, dataset: str, segmenter: str, seed: str) -> str:
        """Weights of a segmenter trained on originals."""
        return f"{self.root}/{dataset}/segmenters/{segmenter}/original/seed{seed}.safetensors"

    def retrained_segmenter(
        self, dataset: str, codec: str, rate: str, segmenter: str, seed: str
    ) -> str:
        """Weights of a segmenter trained on reconstructions."""
        folder = f"{self.root}/{dataset}/segmenters/{segmenter}/retrained"
        return f"{folder}/{codec}/{rate}/seed{seed}.safetensors"

    def trivial_map(self, dataset: str, fold: int) -> str:
        """The best trivial map of the other folds, as JSON."""
        return f"{self.root}/{dataset}/segmenters/trivial/fold{fold}.json"

    def original_scores(self, dataset: str, segmenter: str, replicate: str) -> str:
        """Scores on originals, as a tidy table."""
        return f"{self.root}/{dataset}/scores/{segmenter}/original/{replicate}.parquet"

    def scores(
        self, dataset: str, codec: str, rate: str, segmenter: str, regime: str, replicate: str
    ) -> str:
        """Scores on reconstructions, as a tidy table."""
        folder = f"{self.root}/{dataset}/scores/{segmenter}/{regime}"
        return f"{folder}/{codec}/{rate}/{replicate}.parquet"

    def trivial_scores(self, dataset: str) -> str:
        """Scores of the trivial map on originals, as a tidy table."""
        return f"{self.root}/{dataset}/scores/trivial.parquet"

    def metrics(self) -> str:
        """The study's tidy table."""
        return f"{self.root}/metrics.parquet"

    def main_table(self) -> str:
        """The study's main table."""
        return f"{self.root}/main_table.csv"

    def findings(self) -> str:
        """What the study found, as JSON."""
        return f"{self.root}/findings.json"

    def report(self) -> str:
        """The report."""
        return f"{self.root}/report.html"

    def predictions(self, scores: str) -> str:
        """Predicted probabilities behind a table of scores."""
        return f"{scores.removesuffix('.parquet')}.predictions.npz"

    def run_folder(self, artifact: str) -> str:
        """Checkpoint and log of the training that makes `artifact`; outlives a failed job."""
        return artifact.replace(self.root, f"{self.root}/runs", 1)

    def log(self, artifact: str) -> str:
        """Log of the job that makes `artifact`."""
        return artifact.replace(self.root, f"{self.root}/logs", 1) + ".log"

    def benchmark(self, artifact: str) -> str:
        """Time and memory of the job that makes `artifact`."""
        return artifact.replace(self.root, f"{self.root}/benchmarks", 1) + ".tsv"
