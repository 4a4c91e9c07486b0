"""The audit's command: exit status, lists of files, and Snakemake's plan."""

import runpy
import subprocess
import tempfile
from pathlib import Path

import pytest
from audited_tree import MARK, RESULTS, WEIGHTS, finished

from workflow_lib.provenance.audit.dry_run import DryRun

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts/audit.py"
STUDY = ("--study", "mine.yaml")
NOTHING = "Building DAG of jobs...\nNothing to be done (all requested files are present).\n"
TRAININGS = """Building DAG of jobs...
Job stats:
job              count
-------------  -------
fit_codec           12
write_report         1
all                  1
total               14

Reasons:
    (check individual jobs above for details)
"""
NO_PLAN = """Building DAG of jobs...
MissingInputException in rule prepare_scene in file "rules/data.smk", line 32:
Missing input files for rule prepare_scene:
    affected files:
        own/x.tif
"""


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tree = finished(tmp_path)
    demo = (ROOT / "config.yaml").read_text()
    tree.put("config.yaml", demo)
    tree.put("mine.yaml", demo.replace("\nresults: results\n", f"\nresults: {RESULTS}\n"))
    return tree


@pytest.fixture
def called(monkeypatch, capsys):
    """Run the script with options and a made-up plan; return its exit status and output."""

    def call(*options, plan=(0, NOTHING)):
        def answer(command, **_):
            return subprocess.CompletedProcess(command, plan[0], plan[1].encode())

        monkeypatch.setattr("subprocess.run", answer)
        made_again = "workflow_lib.provenance.audit.made_again.made_again"
        monkeypatch.setattr(made_again, lambda records, threads: ())
        monkeypatch.setattr("sys.argv", ["audit.py", *options])
        status = 0
        try:
            runpy.run_path(str(SCRIPT))
        except SystemExit as end:
            status = end.code
        told = capsys.readouterr()
        return status, told.out, told.err

    return call


def test_the_exit_status_shows_the_result(tree, called):
    status, told, errors = called(*STUDY)
    assert (status, errors) == (0, "")
    assert "Sound" in told
    assert "not checked" not in told
    tree.flip(WEIGHTS, 1)
    assert called(*STUDY)[0] == 1
    assert called(*STUDY, "--damaged") == (0, f"{WEIGHTS}\n", "")
    status, told, errors = called()
    assert (status, told) == (2, "")
    assert "STUDY=" in errors


@pytest.mark.usefixtures("tree")
def test_a_study_with_something_left_to_run_is_not_sound(called):
    status, told, _ = called(*STUDY, plan=(0, TRAININGS))
    assert status == 1
    assert "13 jobs would run: 12 fit_codec, 1 write_report → make\n" in told


@pytest.mark.usefixtures("tree")
def test_without_a_plan_of_snakemake_the_check_is_skipped(called):
    status, told, _ = called(*STUDY, plan=(1, NO_PLAN))
    assert status == 3
    assert "not checked: Snakemake made no plan: MissingInputException" in told
    assert "own/x.tif" in told
    assert "Sound as far as could be checked" in told


@pytest.mark.parametrize(
    ("status", "words"), [(0, TRAININGS), (1, NO_PLAN), (1, "No module named snakemake"), (0, "")]
)
def test_new_results_are_not_listed_as_left_over(tree, called, status, words):
    """A rate was added and trained, but the run stopped before it wrote the new report."""
    fresh = WEIGHTS.replace("/1/", "/2/")
    tree.put(fresh, "trained for 20 hours")
    tree.record("fit_codec", [], [fresh])
    refused = called(*STUDY, "--left-over", plan=(status, words))
    assert refused[:2] == (2, "")
    assert "Run make" in refused[2]
    listed = called(*STUDY, "--left-over")
    assert listed[0] == 0
    assert fresh in listed[1].splitlines()


def test_an_unwritable_page_does_not_change_the_status(tree, called, monkeypatch):
    made = tempfile.mkdtemp

    def refused(*names, dir=None, **options):
        if dir is not None:
            raise PermissionError(13, "Permission denied", RESULTS)
        return made(*names, **options)

    monkeypatch.setattr("tempfile.mkdtemp", refused)
    status, told, errors = called(*STUDY)
    assert status == 0
    assert "Sound" in told
    assert "could not be written" in errors
    tree.flip(WEIGHTS, 1)
    assert called(*STUDY)[0] == 1


@pytest.mark.parametrize("words", ["", "Job stats:\n", f"{MARK}: {RESULTS}"])
def test_other_output_of_snakemake_is_not_a_plan(words):
    assert DryRun.of(0, words).jobs is None
    assert DryRun.of(1, words + NOTHING).jobs is None
