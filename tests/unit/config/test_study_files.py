"""Merge a study's files as Snakemake does."""

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


@pytest.fixture
def folder(tmp_path, monkeypatch, pytestconfig):
    """A working folder with the demo in it."""
    (tmp_path / "config.yaml").write_text((pytestconfig.rootpath / "config.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_file_the_study_is_the_demo(folder):
    assert study_files.load().name == "demo"
    assert study_files.load([study_files.DEMO]) == study_files.load()


def test_a_study_inherits_the_defaults_but_not_the_demo(pytestconfig):
    smoke = study_files.load([pytestconfig.rootpath / "configs/smoke.yaml"])
    assert set(smoke.datasets) == {"tiny-thermal", "tiny-optical"}
    assert not smoke.archives
    assert "sentinel2" in smoke.sensors
    assert (smoke.codecs["dgml"].channels, smoke.codecs["dgml"].kind) == (8, "dgml")


def test_a_default_codec_of_another_kind_inherits_none_of_its_options(folder):
    (folder / "mine.yaml").write_text(
        "codecs: {hyperprior: {kind: jpegxl}, lerc: {kind: jpeg2000}}\n"
    )
    study = study_files.load([study_files.DEMO, folder / "mine.yaml"])
    demo = study_files.load()
    assert study.codecs["hyperprior"].canonical() == demo.codecs["jpegxl"].canonical()
    assert study.codecs["lerc"].canonical() == demo.codecs["jpeg2000"].canonical()


def test_later_files_override_earlier_ones(folder):
    (folder / "mine.yaml").write_text("results: elsewhere\nstatistics: {epsilon: 0.5}\n")
    study = study_files.load([study_files.DEMO, folder / "mine.yaml"])
    assert (study.name, study.results) == ("demo", "elsewhere")
    assert (study.statistics.epsilon, study.statistics.resamples) == (0.5, 2000)


@pytest.mark.parametrize("missing", [["name"], ["results"], ["run"], ["name", "results", "run"]])
def test_a_study_without_required_keys_gives_a_one_line_error(folder, missing):
    demo = yaml.safe_load((folder / "config.yaml").read_text())
    own = {key: value for key, value in demo.items() if key not in missing}
    (folder / "mine.yaml").write_text(yaml.safe_dump(own))
    with pytest.raises(DownlinkError, match=rf"^configuration: {', '.join(missing)}: missing.*$"):
        study_files.load([folder / "mine.yaml"])


@pytest.mark.parametrize("text", ["a: [", "- a list", "seeds: {a: 1}"])
def test_an_invalid_study_gives_a_one_line_error(folder, text):
    (folder / "mine.yaml").write_text(text)
    with pytest.raises(DownlinkError, match=r"mine\.yaml|configuration: seeds"):
        study_files.load([study_files.DEMO, folder / "mine.yaml"])
