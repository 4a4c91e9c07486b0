"""The type of a row of the incremental table, and file patterns that several rows share."""

from dataclasses import dataclass

from changes import Change

RESULTS = "results/smoke"

# Patterns of files below the study's results, for fnmatch: * also matches /.
END = ("metrics.parquet", "main_table.csv", "findings.json", "report.html")
JUDGED = END[2:]
PAGE = END[3:]
LEARNED = tuple(
    f"*/{kind}/{codec}/*"
    for kind in ("bitstreams", "reconstructions", "distortion")
    for codec in ("dgml", "checkerboard", "hyperprior")
)
BY_TORCH = ("*/codecs/*", *LEARNED, "*/segmenters/unet/*", "*/scores/unet/*", *END)
BY_SEGMENTERS = ("*/segmenters/unet/*", "*/scores/unet/*", "*-joint-unet/*", "*-control-unet/*")
OWN_SCORED = (
    "own/tiles/scenes.txt",
    "own/reconstructions/*/scenes.txt",
    "own/segmenters/threshold-baseline/*",
    "own/scores/*",
    *END,
)
OWN_TRAINED = (
    "own/tiles/training-fold1.txt",
    "own/codecs/*",
    "own/*/dgml/*",
    "own/segmenters/unet/*",
    *OWN_SCORED,
)


@dataclass(frozen=True)
class Row:
    """A row of the table in docs/incremental.md.

    Attributes:
        change: the change, in the document's words.
        runs: the jobs that run then, in the document's words.
        edit: makes the change.
        made: patterns of the files below the study's results that are made again.
        kept: patterns of exceptions, which match `made` but are not made again.
        targets: targets that are requested by name, instead of the whole study.
    """

    change: str
    runs: str
    edit: Change
    made: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
