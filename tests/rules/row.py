"""What a row of the incremental table is, and the files that several rows name."""

from dataclasses import dataclass

from changes import Change

RESULTS = "results/smoke"

# Patterns of files below these results, as fnmatch takes them: * stands for / too.
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
        change: what happened, in the document's words.
        runs: what runs then, in the document's words.
        edit: makes it happen.
        made: patterns of the files below the study's results that are made again.
        kept: patterns of those among them that are not.
        targets: what is asked for by name, in place of the whole study.
    """

    change: str
    runs: str
    edit: Change
    made: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
