"""The smoke study on Slurm."""

import pytest
from project import WITH_GPU

from workflow_lib.provenance.sidecar import Sidecar

pytestmark = pytest.mark.slurm

GROUPS = {"imagery", "coding", "scoring", "judging"}


def test_the_smoke_study_ends_with_its_report(smoke):
    project, run = smoke
    run.finish()
    assert (project.folder / "results/smoke/report.html").stat().st_size > 100_000
    assert project.planned("--configfile", "configs/smoke.yaml") == {}


def test_trainings_and_learned_coding_held_a_gpu_and_nothing_else_did(smoke, cluster):
    project, run = smoke
    run.finish()
    jobs = cluster.jobs(project.folder)
    names = {job.rule if job.rule in WITH_GPU else job.rule.partition("_")[0] for job in jobs}
    assert names == WITH_GPU | GROUPS
    assert {job.state for job in jobs} == {"COMPLETED"}
    for job in jobs:
        expected = ("gpu", 1) if job.rule in WITH_GPU else ("cpu", 0)
        assert (job.partition, job.gpus) == expected, job


def test_short_jobs_were_submitted_as_groups(smoke, cluster):
    project, run = smoke
    run.finish()
    planned = sum(project.planned("--configfile", "configs/smoke.yaml", "--forceall").values())
    ungrouped = [job for job in cluster.jobs(project.folder) if job.rule in WITH_GPU]
    groups = len(cluster.jobs(project.folder)) - len(ungrouped)
    assert groups < (planned - len(ungrouped)) / 3


def test_the_logs_of_slurm_are_kept(smoke, cluster):
    project, run = smoke
    run.finish()
    logs = list((project.folder / "slurm_logs").rglob("*.log"))
    assert {int(log.stem) for log in logs} == {job.number for job in cluster.jobs(project.folder)}


def test_every_job_s_record_names_its_slurm_job_and_node(smoke, cluster):
    project, run = smoke
    run.finish()
    records = (project.folder / "results/smoke/provenance").rglob("*.json")
    told = [sidecar for sidecar in map(Sidecar.read, records) if "gather" not in sidecar.rule]
    assert {int(sidecar.slurm_job) for sidecar in told} == {
        job.number for job in cluster.jobs(project.folder)
    }
    assert {sidecar.slurm_node for sidecar in told} == {sidecar.node for sidecar in told}
