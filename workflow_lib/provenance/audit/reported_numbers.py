"""Compare the numbers on the report's page and in the main table with the tables behind them.

This module parses the HTML and shares no code with the module that writes it.
"""

import io
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from workflow_lib.errors import DownlinkError
from workflow_lib.inference.findings import Estimate, Finding, PointFinding, read_findings
from workflow_lib.measure.table import main_table, read, read_main_table
from workflow_lib.paths import Paths
from workflow_lib.provenance.audit.faults import Fault

_NUMBERS = ["bpppb", "psnr_db", "iou_frozen", "iou_retrained", "iou_originals", "iou_baseline"]
_POINT = ["dataset", "codec", "rate", "segmenter"]
_NUMBER = r"[+−]?(?:∞|[\d,]+(?:\.\d+)?)"
_INTERVAL = re.compile(rf"({_NUMBER})\s*\[({_NUMBER}),\s*({_NUMBER})\].*", re.DOTALL)
_REGIMES = ("frozen", "retrained")


def table_follows(paths: Paths, root: Path) -> Iterator[Fault]:
    """Faults of main table numbers that differ from those computed from the tidy table."""
    stored = read_main_table(root / paths.main_table())
    metrics = read([root / paths.metrics()])
    expected = main_table(metrics, list(dict.fromkeys([*stored["dataset"], *metrics["dataset"]])))
    if list(expected[_POINT].itertuples(index=False)) != list(
        stored[_POINT].itertuples(index=False)
    ):
        yield _of_table(paths, "has other rows than the tidy table gives")
        return
    numbers, others = (frame[_NUMBERS].to_numpy(float) for frame in (stored, expected))
    same = np.isclose(numbers, others, rtol=1e-12, atol=0, equal_nan=True)
    for row, column in np.argwhere(~same):
        place = " ".join(stored[_POINT].iloc[row])
        values = f"{numbers[row, column]}, but the tidy table gives {others[row, column]}"
        yield _of_table(paths, f"gives {_NUMBERS[column]} of {place} as {values}")


def page_follows(paths: Paths, root: Path) -> Iterator[Fault]:
    """Faults of page numbers that differ from the main table or the findings."""
    page = (root / paths.report()).read_text(encoding="utf-8")
    stored = read_main_table(root / paths.main_table())
    findings = read_findings(root / paths.findings()).findings
    for what in [*_main_cells(page, stored), *_tested_cells(page, findings)]:
        again = (paths.report(),)
        yield Fault("report", paths.report(), what, "write_report", again)


def _of_table(paths: Paths, what: str) -> Fault:
    again = (paths.main_table(),)
    return Fault("report", paths.main_table(), what, "collect_metrics", again)


def _tables(page: str, columns: int, **attributes: str) -> list[pd.DataFrame]:
    """Parse tables of the page as text; merged cells are repeated."""
    try:
        text = dict.fromkeys(range(columns), str)
        found: list[pd.DataFrame] = pd.read_html(
            io.StringIO(page), attrs=attributes, converters=text, flavor="lxml"
        )
    except (ValueError, IndexError):  # pandas found no such table, or a narrower one
        return []
    return found


def _main_cells(page: str, stored: pd.DataFrame) -> Iterator[str]:
    tables = _tables(page, 9, id="table-main")
    if len(tables) != 1 or tables[0].shape != (len(stored), 9):
        yield f"does not show the main table's {len(stored)} rows"
        return
    shown = {_place(*row[:3]): row[3:] for row in tables[0].itertuples(index=False)}
    for row in stored.to_dict("records"):
        dataset, codec, rate, segmenter = (str(row[name]) for name in _POINT)
        places = (_place(dataset + tail, codec, rate) for tail in ("", segmenter))
        cells = next((shown[place] for place in places if place in shown), None)
        if cells is None:
            yield f"does not show {dataset} {codec} {rate}"
            continue
        for name, cell in zip(_NUMBERS, cells, strict=True):
            if not shows_number(cell, float(row[name])):
                place = f"{name} of {dataset} {codec} {rate}"
                yield f"shows {cell} as {place}, but the main table has {row[name]}"


def _place(dataset: str, codec: str, rate: str) -> tuple[str, str, str]:
    return dataset, codec, rate.removeprefix("λ ")


def _tested_cells(page: str, findings: tuple[Finding, ...]) -> Iterator[str]:
    """Compare the tables of tests, which follow the order of the findings."""
    expected = [
        (finding, points)
        for finding in findings
        for regime in _REGIMES
        if (points := [point for point in finding.points if point.regime == regime])
    ]
    tables = _tables(page, 7, **{"class": "wide sequence"})
    if len(tables) != len(expected):
        yield f"shows {len(tables)} tables of tests, but the findings give {len(expected)}"
        return
    for (finding, points), table in zip(expected, tables, strict=True):
        shown = {_place("", *row[:2]): row[2:6] for row in table.itertuples(index=False)}
        for point in points:
            cells = shown.get(_place("", point.codec, point.rate))
            if cells is None or not _shows_point(cells, point):
                place = f"{finding.dataset} {point.codec} {point.rate}, {point.regime}"
                yield f"does not show the findings of {place}"


def _shows_point(cells: tuple[str, ...], point: PointFinding) -> bool:
    bpppb, *estimates = cells
    found = (point.psnr, point.iou, point.change)
    return shows_number(bpppb, point.bpppb) and all(map(shows_estimate, estimates, found))


def shows_estimate(cell: str, estimate: Estimate) -> bool:
    """Whether a cell shows the value of an estimate, and its interval if it has one."""
    if estimate.value is None:
        return cell.startswith("undefined")
    if estimate.low is None or estimate.high is None:
        return shows_number(cell.partition("(")[0], estimate.value)
    parts = _INTERVAL.fullmatch(cell)
    return parts is not None and all(
        map(shows_number, parts.groups(), (estimate.value, estimate.low, estimate.high))
    )


def shows_number(cell: str, value: float) -> bool:
    """Whether a cell shows a value, rounded to the digits that the cell has."""
    text = cell.strip().removesuffix("†").strip().replace("−", "-").replace(",", "")
    if text == "–":
        return math.isnan(value)
    try:
        number = float(text.replace("∞", "inf"))
    except ValueError:
        return False
    if math.isinf(number) or math.isinf(value):
        return number == value
    half = 0.5 * 10.0 ** -len(text.partition(".")[2])
    return abs(number - value) <= half * (1 + 1e-6)


def report_numbers(paths: Paths, root: Path) -> Iterator[Fault]:
    """All faults of reported numbers; a file that cannot be read is one fault."""
    try:
        yield from table_follows(paths, root)
        yield from page_follows(paths, root)
    except (DownlinkError, OSError, ValueError) as error:
        yield Fault("report", paths.report(), f"could not be compared: {error}", "write_report")
