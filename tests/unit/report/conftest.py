"""Fixtures: a small made-up study and its report."""

import copy

import pytest
from made_up import CONFIG, build

from workflow_lib.report.page import write_report


@pytest.fixture
def config():
    return copy.deepcopy(CONFIG)


@pytest.fixture(scope="session")
def make_inputs():
    return build


@pytest.fixture(scope="session")
def inputs():
    return build(CONFIG)


@pytest.fixture
def render(tmp_path):
    def write(inputs):
        target = tmp_path / "report.html"
        write_report(*inputs.arguments(), target)
        return target.read_text(encoding="utf-8")

    return write


@pytest.fixture(scope="session")
def page(inputs, tmp_path_factory):
    target = tmp_path_factory.mktemp("page") / "report.html"
    write_report(*inputs.arguments(), target)
    return target.read_text(encoding="utf-8")
