"""The report: one HTML page that needs nothing besides itself."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup

from workflow_lib.config.codecs import Learned
from workflow_lib.config.data import Dataset
from workflow_lib.config.study import Study
from workflow_lib.files import atomic
from workflow_lib.report.figures import Look, looks, rate_distortion, rate_task
from workflow_lib.report.results import (
    EPSILON,
    Comparison,
    Verdict,
    all_points,
    amount,
    anchor,
    by_codec,
    comparisons,
    facts,
    verdicts,
)
from workflow_lib.report.strips import OUTCOMES, Pictures, Strip, affordable_side, draw

_SOFTWARE = (
    "snakemake",
    "torch",
    "segmentation-models-pytorch",
    "compressai",
    "glymur",
    "imagecodecs",
    "rasterio",
    "zarr",
    "xarray",
    "numpy",
    "pandas",
    "torchmetrics",
    "scikit-image",
    "bjontegaard",
    "matplotlib",
)

Codecs = list[tuple[str, pd.DataFrame]]
"""Names and points of codecs."""


@dataclass(frozen=True)
class Task:
    """One dataset as one segmenter sees it."""

    segmenter: str
    iou_originals: float
    iou_trivial: float
    verdicts: list[Verdict]
    comparisons: list[Comparison]
    figure: Markup
    codecs: Codecs


@dataclass(frozen=True)
class Chapter:
    """What the page says of one dataset."""

    name: str
    dataset: Dataset
    trivial: str
    facts: dict[str, str]
    notes: list[str]
    figure: Markup
    tasks: list[Task]
    anchor: str | None
    pictures: Pictures | None

    @property
    def codecs(self) -> Codecs:
        """Rate and distortion by codec, which are the same for every segmenter."""
        return self.tasks[0].codecs


def write_report(
    study: Study,
    table: pd.DataFrame,
    trivial: Mapping[str, str],
    notes: Mapping[str, list[str]],
    strips: Mapping[str, Strip],
    target: Path,
) -> None:
    """Write the study's report as one self-contained HTML page; same inputs give same bytes.

    Args:
        study: the study.
        table: its tidy table, see `metrics.table`.
        trivial: what the best trivial map does, in words, by dataset.
        notes: what was done to the data that a reader should know, by dataset.
        strips: the tile that is shown, by dataset.
        target: HTML file to write.

    Raises:
        DownlinkError: the disk is full.
    """
    points = all_points(study, table)
    drawn = looks(study.codecs)
    side = affordable_side(strips.values())
    chapters = [
        Chapter(
            name=name,
            dataset=study.datasets[name],
            trivial=trivial.get(name, ""),
            facts=facts(study, name, table),
            notes=list(notes.get(name, [])),
            figure=rate_distortion(own.drop_duplicates(["codec", "rate"]), drawn, f"rd-{name}"),
            tasks=_tasks(study, name, own, drawn),
            anchor=anchor(study, name),
            pictures=draw(strips[name], side) if name in strips else None,
        )
        for name in study.run
        if len(own := points[points["dataset"] == name])
    ]
    page = _template().render(
        study=study,
        chapters=chapters,
        missing=[name for name in study.run if name not in {chapter.name for chapter in chapters}],
        looks=drawn,
        epsilon=EPSILON,
        outcomes=OUTCOMES,
        several_segmenters=any(len(chapter.tasks) > 1 for chapter in chapters),
        learned={name for name, codec in study.codecs.items() if isinstance(codec, Learned)},
        any_floor=bool(points["at_floor"].any()),
        software=_versions(),
    )
    with atomic(target) as draft:
        draft.write_text(page, encoding="utf-8")


def _tasks(study: Study, name: str, own: pd.DataFrame, drawn: dict[str, Look]) -> list[Task]:
    reference = anchor(study, name)
    return [
        Task(
            segmenter=str(segmenter),
            iou_originals=float(rows["iou_originals"].iloc[0]),
            iou_trivial=float(rows["iou_trivial"].iloc[0]),
            verdicts=verdicts(rows),
            comparisons=comparisons(rows, reference) if reference else [],
            figure=rate_task(rows, drawn, f"task-{name}-{segmenter}"),
            codecs=list(by_codec(rows)),
        )
        for segmenter, rows in own.groupby("segmenter", sort=False)
    ]


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(fixed=_fixed, signed=_signed, share=_share, amount=amount)
    return environment.get_template("page.html.j2")


def _fixed(value: float, digits: int) -> str:
    """A number with thousands set apart; a dash where there is none."""
    if math.isnan(value):
        return "–"
    return "∞" if math.isinf(value) else f"{value:,.{digits}f}"


def _signed(value: float, digits: int) -> str:
    """A number with its sign, a true minus."""
    return f"{value:+.{digits}f}".replace("-", "−")


def _share(part: float, total: float) -> str:
    """Percent of a total; a dash where there is none."""
    return _fixed(100 * part / total, 1) if total else "–"


def _versions() -> dict[str, str]:
    installed = {name: _version(name) for name in _SOFTWARE}
    python = ".".join(map(str, sys.version_info[:3]))
    return {"Python": python} | {name: found for name, found in installed.items() if found}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
