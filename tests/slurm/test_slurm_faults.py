"""Provoke faults of a cluster; the results must equal those of an undisturbed run."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from project import Project, copied
from submission import running, submitting

from workflow_lib.paths import Paths, manifest
from workflow_lib.provenance.sidecar import Sidecar

pytestmark = pytest.mark.slurm

# The CPU only: the smoke study, which runs at the same time, uses the GPUs.
STUDY = ("--configfile", "configs/smoke.yaml", "faults.yaml", "--config", "device=cpu", "--")
PATHS = Paths("results/faults")
OWN = "fold1-seed0"
TILES = PATHS.tiles("tiny-optical", "generated0")
QUICK = PATHS.original_segmenter("tiny-optical", "quick", OWN)
STALLED = PATHS.original_segmenter("tiny-optical", "stalled", OWN)
CODEC = PATHS.codec_weights("tiny-optical", "dgml", "0.01", OWN)


def prepared(folder) -> Project:
    """Copy the project; its codec first gets too little memory, and STALLED only two minutes."""
    project = copied(folder)
    shutil.copy(Path(__file__).with_name("faults.yaml"), project.folder)
    for file, old, new in [
        (
            "segmentation.smk",
            "runtime=each_attempt(120)",
            "runtime=lambda w, attempt: 2 if (w.segmenter, attempt) == ('stalled', 1) else 120",
        ),
        ("codecs.smk", "mem_mb=each_attempt(4000)", "mem_mb=each_attempt(400)"),
    ]:
        rules = project.folder / "rules" / file
        text = rules.read_text()
        assert old in text
        rules.write_text(text.replace(old, new))
    return project


def until(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 300
    while not reached():
        assert time.monotonic() < deadline, f"not within five minutes: {what}"
        time.sleep(0.2)


def checkpoint(project: Project, weights: str) -> bool:
    """Whether a training has written a checkpoint."""
    return any((project.folder / PATHS.run_folder(weights)).glob("*/checkpoint.pt"))


def cancel(cluster, project: Project) -> None:
    """Cancel the training of QUICK."""
    subprocess.run(["scancel", str(states(cluster, project, "_quick_")[0].number)], check=True)


def suspend(project: Project, weights: str) -> None:
    """Suspend the training of `weights`, so that it lasts until Slurm ends it, on any machine."""
    training = [
        process
        for process in psutil.process_iter(["cmdline", "cwd"])
        if process.info["cwd"] == str(project.folder)
        and (process.info["cmdline"] or [])[-2:] == ["--weights", weights]
    ]
    assert len(training) == 1
    training[0].suspend()


@pytest.fixture(scope="module")
def undisturbed_run(tmp_path_factory):
    """Run the same trainings without Slurm and faults, at the same time as the others."""
    project = prepared(tmp_path_factory.mktemp("undisturbed"))
    with running(project, "--cores", "1", *STUDY, QUICK, CODEC, STALLED) as run:
        yield project, run


@pytest.fixture(scope="module")
def disturbed(cluster, undisturbed_run, tmp_path_factory):
    """Return the project after three trainings: cancelled, out of memory and out of time."""
    project = prepared(tmp_path_factory.mktemp("disturbed"))
    with submitting(project, *STUDY, QUICK, CODEC, STALLED) as run:
        faults = {
            QUICK: lambda: cancel(cluster, project),
            STALLED: lambda: suspend(project, STALLED),
        }

        def planted() -> bool:
            for weights in [name for name in faults if checkpoint(project, name)]:
                faults.pop(weights)()
            return not faults

        until(planted, "two checkpoints")
        run.finish()
    return project


@pytest.fixture(scope="module")
def undisturbed(undisturbed_run):
    """Return the project after the undisturbed trainings."""
    project, run = undisturbed_run
    run.finish()
    return project


def states(cluster, project, text):
    jobs = [job for job in cluster.jobs(project.folder) if text in job.comment]
    return sorted(jobs, key=lambda job: job.number)


def same(first: Project, second: Project, file: str) -> bool:
    return (first.folder / file).read_bytes() == (second.folder / file).read_bytes()


def test_a_cancelled_training_goes_on_from_its_checkpoint(cluster, disturbed, undisturbed):
    first, *_, last = states(cluster, disturbed, "_quick_")
    assert (first.state, last.state) == ("CANCELLED", "COMPLETED")
    assert "going on after step" in (disturbed.folder / PATHS.log(QUICK)).read_text()
    assert same(disturbed, undisturbed, QUICK)


def test_a_job_over_its_memory_gets_more(cluster, disturbed, undisturbed):
    first, *_, last = states(cluster, disturbed, "rule_fit_codec")
    assert re.search(rf"StepId={first.number}\.0 exceeded memory limit", cluster.log_of_node())
    assert first.state in ("FAILED", "OUT_OF_MEMORY")
    assert last.state == "COMPLETED"
    assert last.memory_mb > first.memory_mb
    assert same(disturbed, undisturbed, CODEC)


def test_a_training_over_its_time_limit_goes_on(cluster, disturbed, undisturbed):
    first, *_, last = states(cluster, disturbed, "_stalled_")
    assert (first.state, last.state) == ("TIMEOUT", "COMPLETED")
    assert last.minutes > first.minutes
    assert "going on after step" in (disturbed.folder / PATHS.log(STALLED)).read_text()
    told = Sidecar.read(disturbed.folder / PATHS.sidecar(STALLED))
    assert str(first.number) in {attempt["slurm_job"] for attempt in told.earlier}
    assert told.slurm_job == str(last.number)
    assert same(disturbed, undisturbed, STALLED)


def test_a_killed_snakemake_is_taken_up_again(cluster, undisturbed, tmp_path):
    project = prepared(tmp_path)
    with submitting(project, *STUDY, QUICK) as run:
        until(lambda: checkpoint(project, QUICK), "a checkpoint")
        suspend(project, QUICK)
        run.process.kill()
        run.process.wait()
    orphan = states(cluster, project, "_quick_")[-1]
    assert orphan.state == "RUNNING"
    finished = (project.folder / manifest(TILES)).stat().st_mtime_ns
    # An incomplete file, as a writer that is not atomic would leave it.
    (project.folder / QUICK).write_bytes(b"half")
    project.snakemake("--unlock", *STUDY, QUICK)
    with submitting(project, *STUDY, QUICK) as run:
        printed = run.finish()
    assert f"left behind: {orphan.number}" in printed
    first, *_, last = states(cluster, project, "_quick_")
    assert (first.state, last.state) == ("CANCELLED", "COMPLETED")
    assert (project.folder / manifest(TILES)).stat().st_mtime_ns == finished
    assert same(project, undisturbed, QUICK)


def test_a_node_that_cannot_load_torch_says_what_to_do(cluster, tmp_path):
    project = prepared(tmp_path / "project")
    broken = tmp_path / "node/torch"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(
        'raise OSError("libcudart.so.12: cannot open shared object file")\n'
    )
    # jobs import nothing from the user's PYTHONPATH
    launcher = project.folder / "workflow_lib/launch.py"
    text, end = launcher.read_text(), "    sys.argv = sys.argv[1:]\n"
    assert text.count(end) == 1
    launcher.write_text(text.replace(end, f"    sys.path.insert(0, {str(broken.parent)!r})\n{end}"))
    with submitting(project, "--retries", "0", *STUDY, CODEC) as run:
        assert run.wait() != 0
        printed = run.output.read_text()
    assert "envs/install.sh" in printed
    assert not (project.folder / CODEC).exists()


@pytest.mark.slow
def test_slurmd_may_be_restarted_in_mid_study(cluster, undisturbed, tmp_path):
    project = prepared(tmp_path)
    with submitting(project, *STUDY, QUICK) as run:
        until(lambda: checkpoint(project, QUICK), "a checkpoint")
        cluster.stop_node()
        time.sleep(3)
        cluster.start_node()
        run.finish()
    assert same(project, undisturbed, QUICK)
