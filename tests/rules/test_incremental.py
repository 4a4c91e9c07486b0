"""Every row of docs/incremental.md: a dry run plans exactly the files that the change affects."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from changes import without_memory
from own import STUDY
from project import Project
from row import RESULTS, Row
from rows import ROWS

DOCUMENT = Path(__file__).parents[2] / "docs/incremental.md"


SOME = ROWS[::8]


@pytest.mark.parametrize("row", SOME, ids=lambda row: row.change)
def test_snakemakes_memory_changes_nothing(finished, row):
    assert (finished.folder / ".snakemake").exists()
    check(finished, row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.change)
def test_exactly_the_right_files_are_made_again(finished, row):
    """Snakemake's memory is gone, as after a copy of the results into a fresh clone."""
    with without_memory(finished.folder):
        check(finished, row)


def check(finished: Project, row: Row) -> None:
    with row.edit(finished.folder):
        planned = finished.outputs("--configfile", str(STUDY), "--", *row.targets)
    outputs = {file.removeprefix(f"{RESULTS}/"): made for file, made in planned.items()}
    for pattern in (*row.made, *row.kept):
        assert any(fnmatchcase(file, pattern) for file in outputs), f"{pattern} matches nothing"
    made = {file for file, pending in outputs.items() if pending}
    expected = expected_of(row, outputs)
    assert sorted(made - expected) == []
    assert sorted(expected - made) == []


def expected_of(row: Row, outputs: dict[str, bool]) -> set[str]:
    def matches(file: str, patterns: tuple[str, ...]) -> bool:
        return any(fnmatchcase(file, pattern) for pattern in patterns)

    return {file for file in outputs if matches(file, row.made) and not matches(file, row.kept)}


def test_the_document_has_exactly_these_rows():
    table = re.findall(r"^\| (.+?) \| (.+?) \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert table[1:] == [(row.change, row.runs) for row in ROWS]
