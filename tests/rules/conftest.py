"""Fixtures: a copy of the project for workflows, and a copy with the finished smoke study."""

import pytest
from own import add_own_dataset
from project import copied


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the tests that run Snakemake, because they take minutes."""
    for item in items:
        if {"project", "finished"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.study)


@pytest.fixture
def project(tmp_path):
    """Copy the project without results."""
    return copied(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Copy the project and run the smoke study in it, with a dataset of user rasters added."""
    project = copied(tmp_path_factory.mktemp("smoke"))
    add_own_dataset(project.folder)
    project.snakemake("--configfile", "configs/smoke.yaml")
    return project
