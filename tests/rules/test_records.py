"""What is out of date follows from the jobs' records: no loss of Snakemake's memory hides a change.

Each of these ended in "Nothing to be done" and "Sound" while Snakemake's memory decided.
"""

import shutil
import sys
from contextlib import ExitStack, contextmanager

import pytest
from changes import deleted, edited, moved, nothing, without_memory
from own import STUDY
from project import Project, copied

SMOKE = str(STUDY)
OPTIONS = ("--configfile", SMOKE)
JUDGED = {"judge_study", "write_report"}
TOLERANCE = edited(SMOKE, "{resamples: 200}", "{resamples: 200, epsilon: 0.05}")
OTHER_LEARNING_RATE = edited(
    SMOKE, "validate_every: 15, learning_rate: 3.0e-3", "validate_every: 15, learning_rate: 1.0e-3"
)
TRAINED_AGAIN = {"train_on_originals", "train_on_reconstructions", "finetune"}


@contextmanager
def mtimes_only(folder):
    """A profile of the user that compares times alone."""
    profile = folder / "profiles/default/config.yaml"
    text = profile.read_text()
    profile.write_text(f"{text}rerun-triggers: mtime\n")
    try:
        yield
    finally:
        profile.write_text(text)


def rules(project: Project) -> set[str]:
    return project.planned(*OPTIONS).keys() - {"all"}


def audited(project: Project, study: str = SMOKE) -> tuple[int, str]:
    done = project.call([sys.executable, "scripts/audit.py", "--study", study], check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("change", "planned", "named"),
    [
        (nothing(), set(), "Sound: the recorded jobs made results/smoke of the study smoke"),
        (TOLERANCE, JUDGED, "epsilon: 0.01 on record, now 0.05 [judge_study]"),
        (
            edited(SMOKE, "jpeg2000: [0.5, 1.0, lossless]", "jpeg2000: [0.5, lossless]"),
            {"collect_metrics", *JUDGED},
            "read other inputs [collect_metrics]",
        ),
        (
            edited("rules/common.smk", "WAIT_POLICY=PASSIVE", "WAIT_POLICY=ACTIVE"),
            None,
            "what precedes it, has changed [prepare_scene]",
        ),
        (
            edited("rules/segmentation.smk", "--map {output.map:q}", "--map  {output.map:q}"),
            {"fit_threshold_baseline", "collect_metrics", *JUDGED},
            "the rule's command",
        ),
    ],
    ids=["nothing", "epsilon", "a rate less", "shell prefix", "a rule's command"],
)
def test_without_memory_a_change_is_planned_and_named(finished, change, planned, named):
    with change(finished.folder), without_memory(finished.folder):
        found = rules(finished)
        status, said = audited(finished)
    assert planned is None or found == planned
    assert named in said
    assert (status == 0) == (not found)


def test_a_profile_cannot_choose_what_is_out_of_date(finished):
    with TOLERANCE(finished.folder), mtimes_only(finished.folder):
        assert rules(finished) == JUDGED


@pytest.mark.parametrize("forget", ["--touch", "--cleanup-metadata"])
def test_touching_or_cleaning_hides_no_change(finished, tmp_path, forget):
    copy = Project(shutil.copytree(finished.folder, tmp_path / "copy"))
    with OTHER_LEARNING_RATE(copy.folder):
        weights = sorted(copy.folder.glob("results/smoke/*/segmenters/unet/**/*.safetensors"))
        names = [str(file.relative_to(copy.folder)) for file in weights]
        copy.snakemake(forget, *(names if forget != "--touch" else ()), *OPTIONS)
        assert rules(copy) >= TRAINED_AGAIN


def test_results_in_a_fresh_checkout_are_known_by_their_records(finished, tmp_path):
    fresh = copied(tmp_path / "fresh")
    for name in ("results", "own", SMOKE):
        source, target = finished.folder / name, fresh.folder / name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    assert rules(fresh) == set()
    with TOLERANCE(fresh.folder):
        assert rules(fresh) == JUDGED


def test_results_of_another_study_are_called_so_and_not_to_be_made_anew(finished):
    (finished.folder / "other.yaml").write_text(
        (finished.folder / SMOKE).read_text().replace("name: smoke", "name: mine")
    )
    status, said = audited(finished, "other.yaml")
    assert status == 1
    assert "results/smoke holds results of the study smoke, not of mine" in said
    assert "→ make" not in said


def test_an_audit_that_fails_leaves_no_earlier_verdict(finished):
    assert audited(finished)[0] == 0
    with deleted("results/smoke/provenance")(finished.folder):
        assert audited(finished)[0] == 2
    assert not (finished.folder / "results/smoke/audit.html").exists()
    assert not (finished.folder / "results/smoke/audit.json").exists()


def test_a_change_is_planned_although_the_outputs_are_gone(finished):
    """Snakemake removes the outputs of a job that fails; its old record stays."""
    folder = finished.folder
    gone = sorted(folder.glob("results/smoke/*/segmenters/unet/original/*.safetensors"))
    assert gone
    with OTHER_LEARNING_RATE(folder), ExitStack() as stack:
        planned = rules(finished)
        for number, file in enumerate(gone):
            stack.enter_context(moved(str(file.relative_to(folder)), f"gone{number}")(folder))
        assert rules(finished) == planned >= TRAINED_AGAIN


def test_an_output_without_a_record_is_made_again(finished):
    with deleted("results/smoke/provenance/findings.json.json")(finished.folder):
        assert rules(finished) == JUDGED


def test_jobs_import_the_library_of_their_own_checkout(project, tmp_path):
    """Another checkout comes first on the user's path, and its modules are broken."""
    other = tmp_path / "other"
    shutil.copytree(project.folder / "workflow_lib", other / "workflow_lib")
    (other / "workflow_lib/data/prepare.py").write_text("raise SystemExit\n")
    (project.folder / "scripts/numpy.py").write_text("raise SystemExit\n")
    target = "results/smoke/tiny-thermal/scenes/generated0.tif"
    project.snakemake(*OPTIONS, "--", target, PYTHONPATH=f"{other}:{project.folder}")
    assert (project.folder / target).exists()
