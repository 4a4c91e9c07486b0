"""A study's files laid over one another, as Snakemake does it."""

import copy

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snakemake.utils import update_config

from workflow_lib.config import study_files
from workflow_lib.errors import DownlinkError

LEAVES = st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
CONFIGS = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(LEAVES, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_size=3,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CONFIGS, CONFIGS)
def test_files_merge_as_snakemake_merges_them(lower, upper):
    expected = copy.deepcopy(lower)
    update_config(expected, upper)
    assert study_files._laid_over(lower, upper) == expected


def test_the_demo_is_what_config_yaml_says(monkeypatch, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)
    assert study_files.load().name == "demo"
    assert study_files.load([study_files.BASE]) == study_files.load()


@pytest.mark.parametrize("text", ["a: [", "- a list", "seeds: {a: 1}"])
def test_what_is_no_study_is_refused_by_one_line(tmp_path, monkeypatch, pytestconfig, text):
    (tmp_path / "config.yaml").write_text((pytestconfig.rootpath / "config.yaml").read_text())
    (tmp_path / "mine.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DownlinkError, match=r"mine\.yaml|configuration: seeds"):
        study_files.load([tmp_path / "mine.yaml"])
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())
