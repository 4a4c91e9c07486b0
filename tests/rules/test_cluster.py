"""Resources that jobs request from a cluster."""

import re

import pytest
import yaml
from project import WITH_GPU, copied

from workflow_lib.orphans import JOBNAME_PREFIX

LOCAL = {"all", "gather_tiles", "gather_reconstructions"}


@pytest.fixture(scope="module")
def talkative(tmp_path_factory):
    """Copy the project without rule messages, so that a dry run prints resources.

    Snakemake prints only the message of a rule that has one.
    """
    project = copied(tmp_path_factory.mktemp("talkative"))
    for file in (project.folder / "rules").glob("*.smk"):
        file.write_text(re.sub(r"\n    message:(\n        .*)+", "", file.read_text()))
    return project


def asked(project, *options):
    """Read the resources of the whole smoke study, by rule."""
    printed = project.snakemake("-n", "--configfile", "configs/smoke.yaml", *options)
    rules = {}
    for block in re.split(r"\n(?=rule |localrule )", printed.stdout + printed.stderr):
        found = re.search(r"^rule (\w+):.*?^    resources: (.*?)$", block, re.DOTALL | re.MULTILINE)
        if found and found[1] not in LOCAL:
            pairs = dict(pair.split("=", 1) for pair in found[2].split(", "))
            rules[found[1]] = {name: int(v) for name, v in pairs.items() if v.isdigit()}
    return rules


@pytest.fixture(scope="module")
def first(talkative):
    return asked(talkative)


def test_only_trainings_and_learned_coding_ask_for_a_gpu(first):
    assert {rule for rule, own in first.items() if own.get("gpu")} == WITH_GPU
    assert {own["gpu"] for own in first.values() if "gpu" in own} == {1}


@pytest.fixture(scope="module")
def second(talkative):
    """Ask for the second attempt on a machine without GPUs."""
    return asked(talkative, "--attempt", "2", "--config", "device=cpu")


def test_without_gpus_no_job_asks_for_one(second):
    assert not any(own.get("gpu") for own in second.values())


def test_a_job_tried_again_asks_for_more(first, second):
    for rule, own in first.items():
        assert second[rule]["mem_mb"] == 2 * own["mem_mb"], rule
        assert second[rule]["runtime"] == 2 * own["runtime"], rule


def test_the_profile_groups_exactly_what_holds_no_gpu(talkative, first):
    profile = yaml.safe_load((talkative.folder / "slurm/config.yaml").read_text())
    groups = dict(pair.split("=") for pair in profile["groups"])
    components = dict(pair.split("=") for pair in profile["group-components"])
    assert set(groups) == set(first) - WITH_GPU
    assert set(groups.values()) == set(components)
    assert "max_gpu" in profile["partitions"]["gpu"]


def test_jobs_are_named_as_orphans_are_looked_for(talkative):
    profile = yaml.safe_load((talkative.folder / "slurm/config.yaml").read_text())
    assert f"{profile['slurm-jobname-prefix']}_" == JOBNAME_PREFIX
