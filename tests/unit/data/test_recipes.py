"""Physics and labels of the default datasets, on small made-up inputs."""

import numpy as np
import pytest
from rasterio.transform import from_origin

from workflow_lib.config.datasets import Generated, Imagery, Quantity
from workflow_lib.config.simulation import FireSimulation, RoofSimulation
from workflow_lib.data.recipes import cloud, generated, roofs
from workflow_lib.data.recipes.sentinel2 import read_bands
from workflow_lib.data.simulate_fire import brightness_temperature, radiance, simulate_fire
from workflow_lib.data.simulate_roofs import simulate_roofs
from workflow_lib.errors import DownlinkError


def test_planck_round_trips_at_the_peak():
    # Wien: a black body of 2897.772 µm K / 3.8 µm peaks there, with 4.095658e-12 T⁵ W m⁻² sr⁻¹ µm⁻¹
    hottest = 2897.772 / 3.8
    assert radiance(np.array(hottest)) == pytest.approx(4.095658e-12 * hottest**5, rel=1e-5)
    kelvin = np.linspace(200, 1200, 50)
    np.testing.assert_allclose(brightness_temperature(radiance(kelvin)), kelvin)


def test_a_small_fire_raises_brightness_as_in_dozier_1981():
    surface = np.full((64, 64), 315.0)
    quiet = FireSimulation(
        seed=1,
        fires_per_megapixel=3000,
        psf_px=0,
        noise_k=0,
        fire_k=(800, 800.001),
        log10_fraction=(-2, -1.99999),
        distractor_k=(0, 0.001),
        reflectance=(0.05, 0.0501),
    )
    kelvin, label = simulate_fire(surface, quiet)
    sun = 0.05 * 11.0 * 0.93 * 0.85 / np.pi
    calm = 0.95 * radiance(np.array(315.0)) + sun
    burning = brightness_temperature(0.01 * radiance(np.array(800.0)) + 0.99 * calm)
    np.testing.assert_allclose(kelvin[label == 1], burning, atol=0.1)
    np.testing.assert_allclose(kelvin[label == 0], brightness_temperature(calm), atol=0.1)


def test_fires_are_seeded_and_warm_and_saturate():
    rng = np.random.default_rng(0)
    surface = rng.uniform(295, 325, (128, 128)).astype(np.float32)
    surface[:10] = np.nan
    settings = FireSimulation(seed=4, fires_per_megapixel=2000)
    kelvin, label = simulate_fire(surface, settings)
    again = simulate_fire(surface, settings)
    np.testing.assert_array_equal(kelvin, again[0])
    np.testing.assert_array_equal(label, again[1])
    other = simulate_fire(surface, settings.model_copy(update={"seed": 5}))[1]
    assert (label != other).any()
    assert (surface[label == 1] > settings.min_background_k).all()
    assert np.isnan(kelvin[:10]).all()
    assert np.nanmax(kelvin) <= settings.saturation_k
    assert set(np.unique(label)) == {0, 1, 255}


def test_there_is_no_fire_without_warm_ground():
    kelvin, label = simulate_fire(np.full((32, 32), 290.0), FireSimulation(seed=0))
    assert label.max() == 0
    assert np.isfinite(kelvin).all()


def test_roofs_mix_by_covered_area():
    image = np.full((2, 96, 96), 1000, np.uint16)
    settings = RoofSimulation(
        seed=2, streets=4, brightness=(1, 1.0001), psf_px=0, roof_m=(60, 80), gap_m=(40, 60)
    )
    spectra = np.array([[3000, 5000]], np.uint16)
    mixed, label = simulate_roofs(image, np.ones((96, 96), bool), spectra, (1, 1), 10, settings)
    share = (mixed[0] - 1000) / 2000
    np.testing.assert_allclose((mixed[1] - 1000) / 4000, share, atol=1e-3)
    assert share.min() >= -1e-9
    assert share.max() == pytest.approx(1, abs=1e-3)
    clear = np.abs(share - 0.2) > 0.01
    np.testing.assert_array_equal(label[clear] == 0, share[clear] < 0.2)
    np.testing.assert_array_equal(label == 1, share > 0.5001)
    again = simulate_roofs(image, np.ones((96, 96), bool), spectra, (1, 1), 10, settings)
    np.testing.assert_array_equal(mixed, again[0])


def test_coarser_bands_have_more_blur_and_the_same_mean():
    image = np.full((2, 96, 96), 1000, np.uint16)
    settings = RoofSimulation(seed=2, streets=3)
    land = np.zeros((96, 96), bool)
    land[30:60, 30:60] = True
    mixed, _ = simulate_roofs(
        image, land, np.array([[3000, 3000]], np.uint16), (1, 2), 10, settings
    )
    assert mixed[0].std() > mixed[1].std()
    assert mixed[0].mean() == pytest.approx(mixed[1].mean(), rel=1e-3)


def test_built_up_pixels_are_bright_bare_land():
    rng = np.random.default_rng(0)
    red = rng.integers(500, 1500, (50, 50)).astype(np.uint16)
    infrared = (red * 3).astype(np.uint16)
    red[:1], infrared[:1] = 4000, 4200
    red[3:4], infrared[3:4] = 3900, 400
    chosen = roofs.built_up(red, infrared)
    assert chosen[0].all()
    assert not chosen[1:].any()


def test_cloud_bits_of_the_quality_band():
    cloud_bits = {0b00: 0, 0b01: 0, 0b10: 1, 0b11: 1}
    cirrus_bits = {0b00: 0, 0b01: 0, 0b10: 0, 0b11: 1}
    for cloudy, a in cloud_bits.items():
        for cirrus, b in cirrus_bits.items():
            quality = np.array([[cloudy << 14 | cirrus << 12]], np.uint16)
            assert cloud.cloud_label(quality)[0, 0] == max(a, b)


@pytest.mark.parametrize("clear", [2720, 21824], ids=["collection 1", "collection 2"])
def test_the_quality_band_of_a_later_collection_is_refused(clear):
    with pytest.raises(DownlinkError, match="pre-collection"):
        cloud.cloud_label(np.array([[1, clear]], np.uint16))


def test_a_window_beyond_the_raster_is_refused(tmp_path):
    import rasterio
    from rasterio.windows import Window

    profile = {"driver": "GTiff", "count": 1, "height": 40, "width": 40, "dtype": "uint16"}
    with rasterio.open(tmp_path / "B02.tif", "w", **profile) as raster:
        raster.write(np.ones((1, 40, 40), np.uint16))
    with pytest.raises(DownlinkError, match=r"B02\.tif: source\.window ends at row 50"):
        read_bands(("B02",), lambda name: tmp_path / f"{name}.tif", Window(0, 10, 40, 40))


def test_landsat_brightness_temperature():
    # 3.342e-4 · 25000 + 0.1 = 8.455; 1321.0789 / ln(774.8853 / 8.455 + 1) = 291.71 K
    assert cloud.brightness_temperature(np.array([25000], np.uint16)) == pytest.approx(
        291.71, abs=0.01
    )


def test_coarse_bands_are_warped_by_coordinates(tmp_path):
    import rasterio

    def save(name, pixels, transform):
        with rasterio.open(
            tmp_path / name,
            "w",
            driver="GTiff",
            count=1,
            height=pixels.shape[0],
            width=pixels.shape[1],
            dtype="uint16",
            crs="EPSG:32618",
            transform=transform,
        ) as raster:
            raster.write(pixels, 1)

    # a plane in map coordinates, sampled at 10 m and, from another origin, at 20 m
    def plane(x, y):
        return 2000 + 2 * (x - 5e5) + (4e6 - y)

    for name, pixel, origin, size in (("B02", 10, 5e5, 40), ("B05", 20, 5e5 - 10, 22)):
        x = origin + pixel * (np.arange(size) + 0.5)
        y = 4e6 - pixel * (np.arange(size) + 0.5)
        save(
            name,
            plane(*np.meshgrid(x, y)).astype(np.uint16),
            from_origin(origin, 4e6, pixel, pixel),
        )
    bands = read_bands(("B02", "B05"), lambda name: tmp_path / name, None)
    assert bands.native_px == (1, 2)
    inner = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(bands.image[1][inner], bands.image[0][inner], atol=2)


@pytest.mark.parametrize("bands", [1, 4])
def test_generated_scenes_are_seeded_and_learnable(bands):
    imagery = Imagery(
        source=Generated(recipe="generated", side=96, seed=3),
        quantity=Quantity(name="r", unit="1", scale=1, data_range=10000),
        sensor="s",
        pixel_m=10,
        bands=tuple(f"B{i}" for i in range(bands)),
    )
    scene = generated.read(imagery.source, imagery, 0)
    np.testing.assert_array_equal(scene.image, generated.read(imagery.source, imagery, 0).image)
    assert (scene.image != generated.read(imagery.source, imagery, 1).image).any()
    assert 0.02 < scene.label.mean() < 0.3
    assert scene.image[0][scene.label == 1].mean() > scene.image[0][scene.label == 0].mean() + 500
