"""A finished study that an audit may be tried on."""

import shutil

import pytest
from audited_tree import Tree, finished


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def tree(shared, tmp_path):
    """A copy of it."""
    shutil.copytree(shared.root, tmp_path, dirs_exist_ok=True)
    return Tree(tmp_path)
