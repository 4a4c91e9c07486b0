"""A finished study to audit."""

import shutil

import pytest
from audited_tree import Tree, finished


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def tree(shared, tmp_path):
    """Copy the finished study."""
    shutil.copytree(shared.root, tmp_path, dirs_exist_ok=True)
    return Tree(tmp_path)
