"""The audit's command: its exit status, its lists, and what Snakemake has to say."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from audited_tree import MARK, REPORT, RESULTS, WEIGHTS, finished

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
    """The script with options and with what Snakemake answers: its status and its words."""

    def call(*options, plan=(0, NOTHING)):
        def answer(command, **_):
            return subprocess.CompletedProcess(command, plan[0], plan[1].encode())

        monkeypatch.setattr("subprocess.run", answer)
        monkeypatch.setattr("sys.argv", ["audit.py", *options])
        status = 0
        try:
            runpy.run_path(str(SCRIPT))
        except SystemExit as end:
            status = end.code
        told = capsys.readouterr()
        return status, told.out, told.err

    return call


def test_the_status_says_what_was_found(tree, called):
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
def test_where_snakemake_makes_no_plan_the_question_is_not_asked(called):
    status, told, _ = called(*STUDY, plan=(1, NO_PLAN))
    assert status == 3
    assert "not checked: Snakemake made no plan: MissingInputException" in told
    assert "own/x.tif" in told
    assert "Sound as far as could be checked" in told


@pytest.mark.parametrize(
    ("status", "words"), [(0, TRAININGS), (1, NO_PLAN), (1, "No module named snakemake"), (0, "")]
)
def test_fresh_work_is_not_listed_as_left_over(tree, called, status, words):
    """A rate was added and trained, then make was interrupted: the old report is there."""
    fresh = WEIGHTS.replace("/1/", "/2/")
    tree.put(fresh, "trained for 20 hours")
    tree.record("fit_codec", [], [fresh])
    refused = called(*STUDY, "--left-over", plan=(status, words))
    assert refused[:2] == (2, "")
    assert "Run make" in refused[2]
    listed = called(*STUDY, "--left-over")
    assert listed[0] == 0
    assert fresh in listed[1].splitlines()


def test_a_page_that_cannot_be_written_changes_no_status(tree, called, monkeypatch):
    def refused(**_):
        raise PermissionError(13, "Permission denied", RESULTS)

    monkeypatch.setattr("tempfile.mkdtemp", refused)
    status, told, errors = called(*STUDY)
    assert status == 0
    assert "Sound" in told
    assert "could not be written" in errors
    tree.flip(WEIGHTS, 1)
    assert called(*STUDY)[0] == 1


def test_snakemake_itself_is_asked_about_the_same_study(tree):
    """Neither the file nor its record tells that another one is wanted."""
    tree.put(
        "Snakefile",
        'configfile: "config.yaml"\n'
        f"rule all:\n    input: '{REPORT}', config['results'] + '/new.txt'\n"
        "rule new:\n    output: '{any}/new.txt'\n    shell: 'touch {output}'\n",
    )
    done = subprocess.run(
        [sys.executable, SCRIPT, *STUDY],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "1 job would run: 1 new" in done.stdout
    assert not (tree.root / RESULTS / "new.txt").exists()


@pytest.mark.parametrize("words", ["", "Job stats:\n", f"{MARK}: {RESULTS}"])
def test_words_that_are_no_plan_are_not_taken_for_one(words):
    assert DryRun.of(0, words).jobs is None
    assert DryRun.of(1, words + NOTHING).jobs is None
