"""User data: errors in rasters and labels name the file and the remedy."""

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin

from workflow_lib.config.datasets import Imagery, Quantity, Rasters
from workflow_lib.data import listing, prepare, scenes
from workflow_lib.data.quantise import to_counts
from workflow_lib.errors import DownlinkError

GRID = from_origin(5e5, 4e6, 10, 10)
UTM = CRS.from_epsg(32633)
QUANTITY = Quantity(name="reflectance", unit="1", scale=1e-4, data_range=10000)


def save(path, pixels, transform=GRID, crs=UTM, **options):
    path.parent.mkdir(exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=len(pixels),
        height=pixels.shape[1],
        width=pixels.shape[2],
        dtype=pixels.dtype.name,
        transform=transform,
        crs=crs,
        **options,
    ) as raster:
        raster.write(pixels)


@pytest.fixture
def own(tmp_path):
    """Write two float bands and a mask of several values; return their configuration."""
    rng = np.random.default_rng(0)
    image = rng.uniform(0.05, 0.6, (2, 40, 50)).astype(np.float32)
    mask = rng.choice([64, 128, 192, 255], (1, 40, 50)).astype(np.uint8)
    save(tmp_path / "images/a.tif", image)
    save(tmp_path / "masks/a.tif", mask)
    source = Rasters(
        recipe="rasters",
        images=str(tmp_path / "images/*.tif"),
        labels=str(tmp_path / "masks/{scene}.tif"),
        values="physical",
        positive=(192, 255),
        ignore=(64,),
    )
    imagery = Imagery(
        source=source, quantity=QUANTITY, sensor="s", pixel_m=10, bands=("red", "nir")
    )
    return tmp_path, imagery, image, mask[0]


def prepared(own):
    folder, imagery = own[:2]
    prepare.prepare_scene("a", imagery, None, folder / "scene.tif")
    with rasterio.open(folder / "scene.tif") as raster:
        return raster.read(), raster.tags().get("notes", "")


def test_values_become_counts_and_mask_values_labels(own):
    pixels, _ = prepared(own)
    np.testing.assert_array_equal(pixels[:2], np.rint(own[2].astype(float) * 10000))
    expected = np.select([own[3] == 64, own[3] >= 192], [255, 1], 0)
    np.testing.assert_array_equal(pixels[2], expected)


def test_nan_infinite_and_nodata_values_are_nodata(own):
    image = own[2].copy()
    image[0, 0, 0], image[1, 0, 1], image[1, 0, 2] = np.nan, np.inf, -9999
    save(own[0] / "images/a.tif", image, nodata=-9999)
    pixels, _ = prepared(own)
    assert [pixels[0, 0, 0], pixels[1, 0, 1], pixels[1, 0, 2]] == [0, 0, 0]
    assert (pixels[:2] == 0).sum() == 3


def test_values_outside_the_counts_saturate_and_are_reported(own):
    image = own[2].copy()
    image[0, 0, 0], image[0, 0, 1], image[0, 0, 2] = 7.0, -0.5, 0.0
    save(own[0] / "images/a.tif", image)
    pixels, notes = prepared(own)
    assert pixels[0, 0, :3].tolist() == [65535, 1, 1]
    assert "3 of 4000 values" in notes
    assert "saturated" in notes


def test_counts_of_an_offset_quantity():
    quantity = Quantity(name="t", unit="K", scale=0.01, offset=-273.15, data_range=10000)
    notes = []
    counts = to_counts(np.array([-273.14, 0.0, 26.85, np.nan]), quantity, notes)
    assert counts.tolist() == [1, 27315, 30000, 0]
    assert notes == []


def test_counts_stay_as_they_are(own):
    counts = np.rint(own[2] * 10000).astype(np.uint16)
    save(own[0] / "images/a.tif", counts)
    source = own[1].source.model_copy(update={"values": "counts"})
    pixels, _ = prepared((own[0], own[1].model_copy(update={"source": source})))
    np.testing.assert_array_equal(pixels[:2], counts)


def test_counts_given_as_physical_values_are_refused(own):
    save(own[0] / "images/a.tif", np.rint(own[2] * 10000).astype(np.uint16))
    with pytest.raises(
        DownlinkError, match=r"a\.tif: 4000 of 4000 values are outside.*source\.values"
    ):
        prepared(own)


def test_nodata_of_a_label_is_ignored(own):
    save(own[0] / "masks/a.tif", own[3][None], nodata=128)
    pixels, _ = prepared(own)
    assert (pixels[2][own[3] == 128] == 255).all()


def test_nan_in_a_label_is_ignored(own):
    label = np.where(own[3] >= 192, 192, np.nan).astype(np.float32)
    for declared in ({}, {"nodata": np.nan}, {"nodata": -1}):
        save(own[0] / "masks/a.tif", label[None], **declared)
        pixels, notes = prepared(own)
        np.testing.assert_array_equal(pixels[2], np.where(np.isnan(label), 255, 1))
        assert "masks/a.tif: no pixel is not of the class" in notes


def test_the_error_for_a_label_without_positives_lists_its_values(own):
    save(own[0] / "masks/a.tif", np.where(own[3][None] > 128, 1, 64).astype(np.uint8), nodata=7)
    _, notes = prepared(own)
    assert "no pixel is of the class (positive [192, 255], ignore [64], the label's own" in notes
    assert "nodata 7" in notes


@pytest.mark.parametrize("kept", [0, 100, 4000])
def test_the_error_names_a_truncated_image(own, kept):
    file = own[0] / "images/a.tif"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(DownlinkError, match=r"images/a\.tif.*Replace or remove"):
        prepared(own)
    assert not (own[0] / "scene.tif").exists()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"transform": from_origin(5e5 + 10, 4e6, 10, 10)}, "grid"),
        ({"crs": CRS.from_epsg(32634)}, "CRS"),
        ({"crs": None}, "CRS"),
        ({"pixels": np.zeros((1, 40, 49), np.uint8)}, "size"),
    ],
)
def test_a_label_on_another_grid_is_refused(own, change, what):
    save(own[0] / "masks/a.tif", **{"pixels": own[3][None], **change})
    with pytest.raises(DownlinkError, match=rf"masks/a\.tif: its {what} .*Warp the label"):
        prepared(own)


def test_the_error_names_a_missing_label(own):
    (own[0] / "masks/a.tif").unlink()
    with pytest.raises(DownlinkError, match=r"masks/a\.tif: the label of .* is missing"):
        prepared(own)


def test_a_label_without_known_pixels_is_refused(own):
    save(own[0] / "masks/a.tif", np.full((1, 40, 50), 64, np.uint8))
    with pytest.raises(DownlinkError, match="scene a: no valid pixel is labelled"):
        prepared(own)


def test_an_all_nodata_scene_is_refused(own):
    save(own[0] / "images/a.tif", np.full((2, 40, 50), np.nan, np.float32))
    with pytest.raises(DownlinkError, match="scene a: no pixel has a value in every band"):
        prepared(own)


def test_another_number_of_bands_is_refused(own):
    save(own[0] / "images/a.tif", own[2][:1])
    with pytest.raises(DownlinkError, match=r"a\.tif: has 1 bands, but `bands` lists 2"):
        prepared(own)


def test_patterns_that_match_nothing_or_twice_are_refused(own):
    source = own[1].source
    with pytest.raises(DownlinkError, match="matches no file"):
        listing.images(source.model_copy(update={"images": str(own[0] / "no/*.tif")}))
    save(own[0] / "more/a.tif", own[2])
    with pytest.raises(DownlinkError, match="has the same name"):
        listing.images(source.model_copy(update={"images": str(own[0] / "*e*/a.tif")}))


def test_rasters_without_georeference_are_accepted(own):
    identity = rasterio.Affine.identity()
    save(own[0] / "images/a.tif", own[2], transform=identity, crs=None)
    save(own[0] / "masks/a.tif", own[3][None], transform=identity, crs=None)
    pixels, _ = prepared(own)
    assert pixels.shape == (3, 40, 50)
    with rasterio.open(own[0] / "scene.tif") as raster:
        assert raster.crs is None


@pytest.fixture
def in_windows(monkeypatch):
    """Write scenes in windows of 16 × 32 pixels, so that these images take several."""
    monkeypatch.setattr(scenes, "_BLOCK", 16)
    monkeypatch.setattr(scenes, "_WIDE", 32)


def test_windows_give_the_same_scene_as_the_whole_raster(own, in_windows):
    image = own[2].copy()
    image[0, 0, 0], image[1, 39, 49], image[0, 20, 40] = 7.0, -0.5, np.nan
    save(own[0] / "images/a.tif", image)
    pixels, notes = prepared(own)
    told = []
    np.testing.assert_array_equal(pixels[:2], to_counts(image.astype(float), QUANTITY, told))
    np.testing.assert_array_equal(pixels[2], np.select([own[3] == 64, own[3] >= 192], [255, 1], 0))
    assert notes == told[0]
    assert "2 of 3999 values" in notes


@pytest.mark.parametrize("damaged", ["images/a.tif", "masks/a.tif"])
def test_damage_in_one_window_names_the_file_and_leaves_no_output(own, in_windows, damaged):
    mask = own[3][None]
    save(own[0] / "images/a.tif", own[2], tiled=True, blockxsize=16, blockysize=16)
    save(own[0] / "masks/a.tif", mask, tiled=True, blockxsize=16, blockysize=16, compress="lzw")
    file = own[0] / damaged
    file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(DownlinkError, match=rf"{damaged}: this is not a readable raster"):
        prepared(own)
    assert sorted(path.name for path in own[0].iterdir()) == ["images", "masks"]


def test_a_scene_that_gdal_wrote_only_in_part_is_refused(own, monkeypatch):
    """GDAL may close a file without an error although it could not write all of it."""
    monkeypatch.setattr(scenes.SceneFile, "_put", lambda *_: None)
    with pytest.raises(DownlinkError, match=r"scene\.tif: the disk is full"):
        prepared(own)
    assert not (own[0] / "scene.tif").exists()


def test_an_auxiliary_file_with_statistics_changes_nothing(own):
    folder = own[0]
    bare, _ = prepared(own)
    (folder / "images/a.tif.aux.xml").write_text(
        '<PAMDataset><PAMRasterBand band="1"><Metadata>'
        '<MDI key="STATISTICS_MEAN">0.3</MDI></Metadata></PAMRasterBand></PAMDataset>'
    )
    assert np.array_equal(bare, prepared(own)[0])


@pytest.mark.parametrize(
    ("companion", "content"),
    [
        (
            "images/a.tif.aux.xml",
            "<PAMDataset><PAMRasterBand band='1'><NoDataValue>7</NoDataValue></PAMRasterBand>"
            "<PAMRasterBand band='2'><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>",
        ),
        (
            "masks/a.tif.aux.xml",
            "<PAMDataset><PAMRasterBand band='1'><NoDataValue>128</NoDataValue></PAMRasterBand>"
            "</PAMDataset>",
        ),
    ],
)
def test_an_auxiliary_file_that_changes_a_raster_is_refused(own, companion, content):
    (own[0] / companion).write_text(content)
    with pytest.raises(DownlinkError, match=rf"a\.tif: .* also reads .*{companion}.*GeoTIFF"):
        prepared(own)
