"""Rows of the incremental table: changes of the code or the lock."""

from changes import Change, edited, locked
from row import BY_SEGMENTERS, BY_TORCH, END, JUDGED, PAGE, Row


def _code(module: str, old: str, new: str) -> Change:
    return edited(f"workflow_lib/{module}.py", old, new)


CODED = (
    Row(
        "the code of the report's curves",
        "report",
        _code("report/figures", "_SIZE = (5.4, 3.9)", "_SIZE = (5.4, 4.0)"),
        PAGE,
    ),
    Row(
        "the code of the report's map strips",
        "report",
        _code("report/tile_strips", "_MAX_SIDE = 128", "_MAX_SIDE = 127"),
        PAGE,
    ),
    Row(
        "a template of the report",
        "report",
        edited("workflow_lib/report/page.html.j2", "<body", "<body "),
        PAGE,
    ),
    Row(
        "the verdict's code",
        "findings, report",
        _code("inference/verdict", "_Z = 1.645", "_Z = 1.644"),
        JUDGED,
    ),
    Row(
        "the table's code",
        "table, findings, report",
        edited("scripts/collect_metrics.py", "cli.run(main)", "cli.run(main)\nassert True"),
        END,
    ),
    Row(
        "the KLT's code",
        "coding by `klt-jpeg2000`, its scores; table, findings, report",
        _code("codecs/spectral_klt", "_MIDDLE = 32768", "_MIDDLE = 32769"),
        ("tiny-optical/*/klt-jpeg2000/*", *END),
    ),
    Row(
        "JPEG XL's code",
        "coding by `jpegxl`, its scores; table, findings, report",
        _code("codecs/kinds/jpegxl", "_BLACK = 16384", "_BLACK = 16385"),
        ("tiny-thermal/*/jpegxl/*", *END),
    ),
    Row(
        "the training loop's code",
        "all trainings, coding by learned codecs, scores of segmenters; table, findings, report",
        _code("training/loop", "MAX_GRADIENT_NORM = 1.0", "MAX_GRADIENT_NORM = 2.0"),
        BY_TORCH,
    ),
    Row(
        "tiling's code",
        "everything but fetching and reading scenes",
        _code("data/tiling", "import pyproj\n", "import pyproj\nimport pyproj.crs\n"),
        ("*",),
        ("*/scenes/*.tif",),
    ),
)

LOCKED = (
    Row(
        "the lock's torch",
        "all trainings, coding by learned codecs, scores of segmenters; table, findings, report",
        locked("torch"),
        BY_TORCH,
    ),
    Row(
        "the lock's timm, which segmentation-models-pytorch needs",
        "what trains and scores segmenters, and what follows",
        locked("timm"),
        (*BY_SEGMENTERS, *END),
    ),
    Row(
        "the lock's imagecodecs",
        "coding by `jpegxl`, its scores; table, findings, report",
        locked("imagecodecs"),
        ("tiny-thermal/*/jpegxl/*", *END),
    ),
    Row(
        "the lock's pyarrow, which writes tables",
        "all coding, trainings on what it gives, scores; table, findings, report",
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
    Row("the lock's matplotlib, which draws", "report", locked("matplotlib"), PAGE),
)
