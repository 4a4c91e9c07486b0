"""Rows of the incremental table: which files are made again after each change of a study."""

from changes import changed, committed, deleted, edited, locked, nothing, one_byte_changed, touched
from row import END, JUDGED, PAGE, RESULTS, Row
from rows_of_code import CODED, LOCKED
from rows_of_codecs import EXTENDED
from rows_of_studies import CONFIGURED, DEFAULTS, IMAGED

MEGABYTE = 1_000_000
"""Size limit in bytes above which Snakemake compares times instead of checksums."""

UNTOUCHED = (
    Row("nothing", "nothing", nothing()),
    Row(
        "every file below 1 MB touched: results, user data, templates",
        "nothing",
        touched(f"{RESULTS}/**/*", "own/**/*", "workflow_lib/**/*.j2", most=MEGABYTE),
    ),
    Row("every larger file touched", "nothing", touched(f"{RESULTS}/**/*", least=MEGABYTE)),
    Row(
        "every source file and the configuration touched",
        "nothing",
        touched(
            "Snakefile",
            "rules/*",
            "scripts/*",
            "workflow_lib/**/*.py",
            "configs/*",
            "config.yaml",
            DEFAULTS,
        ),
    ),
    Row(
        "a comment added in the library",
        "nothing",
        edited(
            "workflow_lib/codecs/spectral_klt.py",
            "_MIDDLE = 32768",
            "_MIDDLE = 32768  # half of it",
        ),
    ),
    Row(
        "a docstring edited in the library",
        "nothing",
        edited("workflow_lib/data/tiles.py", '"""Tiles in memory."""', '"""Tiles, in memory."""'),
    ),
    Row(
        "`tiling_budget` changed",
        "nothing",
        edited(DEFAULTS, "{threads: 2, memory_mb: 2000}", "{threads: 1, memory_mb: 1000}"),
    ),
    Row("a commit made, then a file edited", "nothing", committed("README.md")),
    Row("mypy updated in the lock", "nothing", locked("mypy")),
    Row("a log deleted", "nothing", deleted(f"{RESULTS}/logs/report.html.log")),
    Row(
        "one byte of a store changed",
        "nothing; `make audit` reports it, and a job that reads the store fails",
        changed(f"{RESULTS}/own/tiles/unseen1.zarr/zarr.json", one_byte_changed),
    ),
)

WEIGHTS = f"{RESULTS}/own/segmenters/unet/original/fold1-seed0.safetensors"
CODED_SCENE = "own/reconstructions/jpeg2000/1/any/unseen1"

DAMAGED = (
    Row(
        "the report's sidecar deleted",
        "report",
        deleted(f"{RESULTS}/provenance/report.html.json"),
        PAGE,
    ),
    Row("the report deleted", "report", deleted(f"{RESULTS}/report.html"), PAGE),
    Row(
        "the findings deleted",
        "findings, report",
        deleted(f"{RESULTS}/findings.json"),
        JUDGED,
    ),
    Row(
        "one byte of a segmenter's weights changed",
        "scores of this segmenter, as after another training; table, findings, report; `make "
        "audit` reports the file",
        changed(WEIGHTS, one_byte_changed),
        ("own/scores/unet/*", *END),
    ),
    Row(
        "a reconstruction deleted",
        "nothing; a job that must read it fails, `make audit` reports it, and `make repair` "
        "creates it again",
        deleted(f"{RESULTS}/{CODED_SCENE}.zarr"),
    ),
    Row(
        "a reconstruction deleted and requested by name, as `make repair` does",
        "the job that coded this scene",
        deleted(f"{RESULTS}/{CODED_SCENE}.zarr"),
        ("own/*/jpeg2000/1/any/unseen1.*",),
        targets=(f"{RESULTS}/{CODED_SCENE}.zarr",),
    ),
)

ROWS = (*UNTOUCHED, *CONFIGURED, *IMAGED, *EXTENDED, *CODED, *LOCKED, *DAMAGED)
