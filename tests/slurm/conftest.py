"""Fixtures: a Slurm for the duration of the tests, and the smoke study on it."""

import pytest
from cluster import Cluster
from project import copied
from submission import submitting


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("slurm"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session", autouse=True)
def smoke(cluster, tmp_path_factory):
    """Submit the smoke study first, so that it runs during the other tests."""
    project = copied(tmp_path_factory.mktemp("smoke"))
    with submitting(project, "--configfile", "configs/smoke.yaml") as run:
        yield project, run
