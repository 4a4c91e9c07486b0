"""The audit reads a real page and finds every number that was changed on it."""

import re

import pytest

from workflow_lib.inference.findings import Estimate
from workflow_lib.measure.table import main_table, write
from workflow_lib.paths import Paths
from workflow_lib.provenance.audit.reported_numbers import (
    page_follows,
    report_numbers,
    shows_estimate,
    shows_number,
)

PATHS = Paths("r")


@pytest.fixture(scope="module")
def study(inputs, page, tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    write(inputs.table, root / PATHS.metrics())
    main = main_table(inputs.table, inputs.study.run)
    (root / PATHS.main_table()).write_text(main.to_csv(index=False))
    (root / PATHS.findings()).write_text(inputs.findings.canonical())
    (root / PATHS.report()).write_text(page)
    return root


def faults(study, page):
    (study / PATHS.report()).write_text(page)
    return list(page_follows(PATHS, study))


def test_an_unchanged_page_has_no_faults(study):
    assert list(report_numbers(PATHS, study)) == []


def numbers_of(page, table):
    """Positions of the last digits of numbers at the start of a table's cells."""
    start = re.search(table, page).start()
    cells = re.finditer(r'<td class="n[^>]*>(?:<span[^>]*>)?[+−]?[\d,]*\.\d+', page)
    end = page.index("</table>", start)
    return [cell.end() - 1 for cell in cells if start < cell.start() < end]


@pytest.mark.parametrize("table", ['id="table-main"', 'class="wide sequence"'])
def test_a_changed_digit_is_found(study, page, table):
    places = numbers_of(page, table)
    assert len(places) > 20
    for place in places[::7]:
        other = str((int(page[place]) + 5) % 10)
        assert len(faults(study, page[:place] + other + page[place + 1 :])) == 1


def test_a_changed_bound_of_an_interval_is_found(study, page):
    ends = [m.start(1) for m in re.finditer(r"(\d)\]</span></td>", page)]
    table = page.index('class="wide sequence"')
    place = next(end for end in ends if end > table)
    other = str((int(page[place]) + 5) % 10)
    (found,) = faults(study, page[:place] + other + page[place + 1 :])
    assert "does not show the findings of fire" in found.what


@pytest.mark.parametrize("table", ['id="table-main"', 'class="wide sequence"'])
@pytest.mark.parametrize("lost", ["", "<td"])
def test_a_page_without_tables_is_reported_as_a_fault(study, page, table, lost):
    before, mark, after = page.partition(table)
    assert faults(study, before + (mark + after.replace(lost, "", 1) if lost else after))


@pytest.mark.parametrize("file", ["metrics.parquet", "main_table.csv", "findings.json"])
def test_an_unreadable_file_is_reported_as_a_fault(study, page, file):
    faults(study, page)
    content = (study / "r" / file).read_bytes()
    (study / "r" / file).write_bytes(b"PAR1 nothing")
    assert "could not be compared" in next(report_numbers(PATHS, study)).what
    (study / "r" / file).write_bytes(content)


@pytest.mark.parametrize(
    ("cell", "value", "same"),
    [
        ("0.123", 0.1234999, True),
        ("0.123", 0.1236, False),
        ("1,234.5", 1234.52, True),
        ("−0.10", -0.1, True),
        ("0.10", -0.1, False),
        ("12", 12.4, True),
        ("0.050†", 0.05, True),
        ("–", float("nan"), True),
        ("–", 0.0, False),
        ("0.000", float("nan"), False),
        ("∞", float("inf"), True),
        ("99.99", float("inf"), False),
        ("∞", 99.99, False),
        ("", 0.0, False),
        ("nan", float("nan"), False),
    ],
)
def test_a_rounded_number_agrees_with_its_value(cell, value, same):
    assert shows_number(cell, value) is same


@pytest.mark.parametrize(
    ("cell", "estimate", "same"),
    [
        ("0.51\xa0[0.40,\xa00.62]", Estimate(value=0.51, low=0.4, high=0.62), True),
        ("0.51\xa0[0.41,\xa00.62]", Estimate(value=0.51, low=0.4, high=0.62), False),
        ("0.51", Estimate(value=0.51, low=0.4, high=0.62), False),
        ("0.51 (no interval: 1 block)", Estimate(value=0.51, reason="1 block"), True),
        ("0.52 (no interval: 1 block)", Estimate(value=0.51, reason="1 block"), False),
        ("undefined: without loss", Estimate(reason="without loss"), True),
        ("0.51", Estimate(reason="without loss"), False),
    ],
)
def test_an_estimate_agrees_with_its_value_and_interval(cell, estimate, same):
    assert shows_estimate(cell, estimate) is same
