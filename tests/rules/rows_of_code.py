"""Rows of the incremental table: changes of the code or the lock."""

from changes import Change, edited, locked
from row import BY_SEGMENTERS, BY_TORCH, END, JUDGED, PAGE, Row


def _code(module: str, old: str, new: str) -> Change:
    return edited(f"workflow_lib/{module}.py", old, new)


CODED = (
    Row(
        "the code of the report's curves changed",
        "report",
        _code("report/figures", "_SIZE = (5.4, 3.9)", "_SIZE = (5.4, 4.0)"),
        PAGE,
    ),
    Row(
        "the code of the report's map strips changed",
        "report",
        _code("report/tile_strips", "_MAX_SIDE = 128", "_MAX_SIDE = 127"),
        PAGE,
    ),
    Row(
        "a template of the report changed",
        "report",
        edited("workflow_lib/report/page.html.j2", "<body", "<body "),
        PAGE,
    ),
    Row(
        "the code of the verdict changed",
        "findings, report",
        _code("inference/verdict", "_Z = 1.645", "_Z = 1.644"),
        JUDGED,
    ),
    Row(
        "the code of the table changed",
        "table, findings, report",
        edited("scripts/collect_metrics.py", "cli.run(main)", "cli.run(main)\nassert True"),
        END,
    ),
    Row(
        "the code of the KLT changed",
        "coding and scores of `klt-jpeg2000`; table, findings, report",
        _code("codecs/spectral_klt", "_MIDDLE = 32768", "_MIDDLE = 32769"),
        ("tiny-optical/*/klt-jpeg2000/*", *END),
    ),
    Row(
        "the code of JPEG XL changed",
        "coding and scores of `jpegxl`; table, findings, report",
        _code("codecs/kinds/jpegxl", "_BLACK = 16384", "_BLACK = 16385"),
        ("tiny-thermal/*/jpegxl/*", *END),
    ),
    Row(
        "the code of the training loop changed",
        "all trainings, coding by learned codecs, scores of segmenters; table, findings, report",
        _code("training/loop", "MAX_GRADIENT_NORM = 1.0", "MAX_GRADIENT_NORM = 2.0"),
        BY_TORCH,
    ),
    Row(
        "the code of tiling changed",
        "all jobs except those that fetch and read scenes",
        _code("data/tiling", "import pyproj\n", "import pyproj\nimport pyproj.crs\n"),
        ("*",),
        ("*/scenes/*.tif",),
    ),
)

LOCKED = (
    Row(
        "torch updated in the lock",
        "all trainings, coding by learned codecs, scores of segmenters; table, findings, report",
        locked("torch"),
        BY_TORCH,
    ),
    Row(
        "timm updated in the lock (segmentation-models-pytorch needs it)",
        "trainings and scores of segmenters, fine-tuning, coding by the fine-tuned codecs; table, "
        "findings, report",
        locked("timm"),
        (*BY_SEGMENTERS, *END),
    ),
    Row(
        "imagecodecs updated in the lock",
        "coding and scores of `jpegxl` and `lerc`; table, findings, report",
        locked("imagecodecs"),
        ("tiny-thermal/*/jpegxl/*", *END),
    ),
    Row(
        "pyarrow updated in the lock (it writes tables)",
        "all coding, threshold baselines, trainings on reconstructions, scores; table, findings, "
        "report",
        locked("pyarrow"),
        (
            "*/bitstreams/*",
            "*/reconstructions/*",
            "*/distortion/*",
            "*/segmenters/threshold-baseline/*",
            "*/segmenters/unet/retrained/*",
            "*/scores/*",
            *END,
        ),
    ),
    Row(
        "matplotlib updated in the lock (it draws the figures)",
        "report",
        locked("matplotlib"),
        PAGE,
    ),
)
