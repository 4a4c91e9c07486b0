"""A copy of the project in which workflows run, and the smoke study run once in it."""

import pytest
from own import add_own_dataset
from project import copied


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests of a finished study wait minutes for it; they are run by themselves."""
    for item in items:
        if "finished" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.study)


@pytest.fixture
def project(tmp_path):
    """A fresh copy without results."""
    return copied(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A copy in which the smoke study has run, with a dataset of own rasters in it."""
    project = copied(tmp_path_factory.mktemp("smoke"))
    add_own_dataset(project.folder)
    project.snakemake("--configfile", "configs/smoke.yaml")
    return project
