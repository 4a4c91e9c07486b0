"""Imagery that two datasets share is detected before any job runs."""

from pathlib import Path

import pytest

from workflow_lib.config.study_files import load
from workflow_lib.data.listing import require_other_imagery
from workflow_lib.errors import DownlinkError

CONFIG = Path(__file__).parents[3] / "config.yaml"


@pytest.fixture
def settlement():
    return load([CONFIG]).datasets["settlement"]


def of(dataset, **source):
    config = dataset.model_dump(mode="json")
    return type(dataset).model_validate({**config, "source": source})


def rasters(dataset, pattern):
    labels = "labels/{scene}.tif"
    return of(
        dataset, recipe="rasters", images=pattern, labels=labels, values="counts", positive=[1]
    )


def test_a_borrowed_codec_must_come_from_other_imagery(settlement, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / f"{name}.tif").touch()
    one, two, both = (
        rasters(settlement, str(pattern))
        for pattern in ("one.tif", tmp_path / "two.tif", tmp_path / "*.tif")
    )
    require_other_imagery("mine", one, two)
    for borrower, trainer in ((one, both), (both, two), (settlement, settlement)):
        with pytest.raises(DownlinkError, match=r"datasets\.mine\.codec_from: .*same imagery"):
            require_other_imagery("mine", borrower, trainer)


def test_datasets_share_generated_scenes_of_equal_seeds(settlement):
    def generated(seed, scenes):
        return of(settlement, recipe="generated", side=64, seed=seed, scenes=scenes)

    require_other_imagery("mine", generated(0, 2), generated(2, 3))
    with pytest.raises(DownlinkError, match="seed 2"):
        require_other_imagery("mine", generated(0, 3), generated(2, 3))
