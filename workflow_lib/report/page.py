"""Render the report as one self-contained HTML page."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from workflow_lib.config.datasets import Dataset
from workflow_lib.config.study import Study
from workflow_lib.files import atomic
from workflow_lib.inference.findings import Finding, Findings
from workflow_lib.measure import metric_names
from workflow_lib.report import formatting
from workflow_lib.report.dataset_summary import dataset_summary
from workflow_lib.report.figures import Look, looks, rate_distortion, rate_task
from workflow_lib.report.results import all_figures, all_points, by_codec, coded_points
from workflow_lib.report.tables import pairs, sequences
from workflow_lib.report.tile_strips import OUTCOMES, Pictures, Strip, affordable_side, draw

_HERE = Path(__file__).parent

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
"""Name and rate points of each codec."""
Rows = list[dict[Any, Any]]
"""Rows of a table as values by column."""


@dataclass(frozen=True)
class TaskChapter:
    """Results of one dataset with one segmenter; finding and figure are None without findings."""

    segmenter: str
    codecs: Codecs
    finding: Finding | None
    figure: Markup | None
    maps: list[tuple[str, Rows]]


@dataclass(frozen=True)
class Chapter:
    """Content of the page about one dataset."""

    name: str
    dataset: Dataset
    baseline: str
    dataset_summary: dict[str, str]
    notes: list[str]
    figure: Markup
    tasks: list[TaskChapter]
    coded: Rows
    pictures: Pictures | None

    @property
    def codecs(self) -> Codecs:
        """Rate and distortion by codec; all segmenters share them."""
        return self.tasks[0].codecs


def write_report(
    study: Study,
    table: pd.DataFrame,
    findings: Findings,
    baseline: Mapping[str, str],
    notes: Mapping[str, list[str]],
    strips: Mapping[str, Strip],
    machines: str,
    target: Path,
) -> None:
    """Write the study's report as one self-contained HTML page; equal inputs give equal bytes.

    Args:
        study: configuration of the study.
        table: its tidy table, see `measure.table`.
        findings: its findings.
        baseline: description of the threshold baseline, by dataset.
        notes: notes on how the data were prepared, by dataset.
        strips: the tile to show, by dataset.
        machines: where networks were trained, in words.
        target: HTML file to write.

    Raises:
        DownlinkError: the disk is full.
    """
    points, figures = all_points(study, table), all_figures(study, table)
    drawn = looks(study.coded_by())
    side = affordable_side(strips.values())
    chapters = [
        Chapter(
            name=name,
            dataset=study.datasets[name],
            baseline=baseline.get(name, ""),
            dataset_summary=dataset_summary(study, name, table, judged),
            notes=list(notes.get(name, [])),
            figure=rate_distortion(coded_points(own, judged), drawn, f"rd-{name}"),
            tasks=_tasks(own, shown, findings, drawn),
            coded=_rows(
                shown[shown[metric_names.BPPPB].notna() & shown[metric_names.PSNR_DB].notna()]
            ),
            pictures=draw(strips[name], side) if name in strips else None,
        )
        for name in study.run
        for judged in [[f for f in findings.findings if f.dataset == name]]
        for shown in [figures[figures["dataset"] == name]]
        if len(own := points[points["dataset"] == name])
    ]
    page = _template().render(
        study=study,
        findings=findings,
        chapters=chapters,
        missing=[name for name in study.run if name not in {chapter.name for chapter in chapters}],
        looks=drawn,
        outcomes=OUTCOMES,
        several_segmenters=any(len(chapter.tasks) > 1 for chapter in chapters),
        learned={name for name, codec in study.codecs.items() if codec.learned},
        any_floor=bool(points["at_floor"].any()),
        software=_versions(),
        machines=machines,
    )
    with atomic(target) as draft:
        draft.write_text(page, encoding="utf-8")


def _tasks(
    own: pd.DataFrame, figures: pd.DataFrame, findings: Findings, drawn: dict[str, Look]
) -> list[TaskChapter]:
    """One chapter for each segmenter, from the dataset's points and figures."""
    tasks = []
    for segmenter, rows in own.groupby("segmenter", sort=False):
        dataset = str(rows["dataset"].iloc[0])
        judged = (f for f in findings.findings if (f.dataset, f.segmenter) == (dataset, segmenter))
        finding = next(judged, None)
        name = f"task-{dataset}-{segmenter}"
        maps = figures[
            figures["segmenter"].isin([segmenter, ""]) & figures[metric_names.IOU].notna()
        ]
        tasks.append(
            TaskChapter(
                segmenter=str(segmenter),
                codecs=list(by_codec(rows)),
                finding=finding,
                figure=None
                if finding is None
                else rate_task(finding, findings.epsilon, drawn, name),
                maps=[(str(r), _rows(of)) for r, of in maps.groupby("regime", sort=False)],
            )
        )
    return tasks


def _rows(figures: pd.DataFrame) -> Rows:
    return figures.to_dict("records")


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([_HERE, _HERE / "templates"]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(formatting=formatting, pairs=pairs, sequences=sequences)
    environment.filters.update(
        fixed=formatting.fixed, share=formatting.share, amount=formatting.amount
    )
    return environment.get_template("page.html.j2")


def _versions() -> dict[str, str]:
    installed = {name: _version(name) for name in _SOFTWARE}
    return {name: found for name, found in installed.items() if found}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
