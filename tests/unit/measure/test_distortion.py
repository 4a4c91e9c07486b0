from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import spectral_angle_mapper

from workflow_lib.measure.distortion import Distortion, measure
from workflow_lib.measure.rows import Key
from workflow_lib.measure.table import tile_rows


def noisy(rng, tiles, bands, side=16, nodata=0.1, noise=40):
    """Originals with nodata, their reconstructions, and labels with all three values."""
    image = rng.integers(200, 4000, (tiles, bands, side, side))
    image[rng.random(image.shape) < nodata / bands] = 0
    decoded = np.clip(image + rng.normal(0, noise, image.shape).round(), 1, 65535)
    label = rng.choice(np.array([0, 1, 255], np.uint8), (tiles, side, side))
    return image.astype(np.uint16), decoded.astype(np.uint16), label


def same(a, b):
    return all(
        np.array_equal(getattr(a, f.name), getattr(b, f.name))
        for f in fields(Distortion)
        if f.name != "info"
    )


def test_figures_without_nodata_agree_with_reference_libraries(toy_tiles):
    image, decoded, _ = noisy(np.random.default_rng(0), 3, 2, side=24, nodata=0)
    figures = measure(toy_tiles(image), decoded).pooled()
    psnr = peak_signal_noise_ratio(image, decoded, data_range=10000)
    assert figures["psnr_db"] == pytest.approx(psnr)
    ssim = [
        structural_similarity(a, b, data_range=10000, channel_axis=0)
        for a, b in zip(image, decoded, strict=True)
    ]
    assert figures["ssim"] == pytest.approx(np.mean(ssim))
    spectra = (torch.from_numpy(counts.astype(np.float64)) for counts in (decoded, image))
    angle = spectral_angle_mapper(*spectra).item()
    assert figures["spectral_angle_rad"] == pytest.approx(angle)


def test_figures_by_hand(toy_tiles):
    image = np.full((1, 2, 16, 16), 1000)
    decoded = image.copy()
    decoded[0, 0] += 30
    decoded[0, 1] -= 10
    label = np.zeros((1, 16, 16), np.uint8)
    figures = measure(toy_tiles(image, label), decoded.astype(np.uint16)).pooled()
    assert figures["psnr_db"] == pytest.approx(10 * np.log10(1e8 / 500))
    assert figures["psnr_db/B01"] == pytest.approx(10 * np.log10(1e8 / 900))
    assert figures["psnr_db/B02"] == pytest.approx(10 * np.log10(1e8 / 100))
    assert figures["rmse"] == pytest.approx(0.01 * np.sqrt(500))
    angle = np.arccos((1030 + 990) / np.sqrt(2) / np.hypot(1030, 990))
    assert figures["spectral_angle_rad"] == pytest.approx(angle)
    assert figures["samples"] == 512
    assert np.isnan(figures["rmse_label"])
    assert figures["rmse_background"] == figures["rmse"]


def test_rmse_separates_label_from_background(toy_tiles):
    image = np.full((1, 1, 16, 16), 30000)
    decoded = image.copy()
    label = np.zeros((1, 16, 16), np.uint8)
    label[0, :2], label[0, 2] = 1, 255
    decoded[0, 0, :2] += 200
    decoded[0, 0, 2] += 9999
    decoded[0, 0, 3:] -= 5
    figures = measure(toy_tiles(image, label), decoded.astype(np.uint16)).pooled()
    assert figures["rmse_label"] == pytest.approx(2.0)
    assert figures["rmse_background"] == pytest.approx(0.05)
    assert "spectral_angle_rad" not in figures


def test_lossless_psnr_is_infinite(toy_tiles):
    image, _, label = noisy(np.random.default_rng(1), 2, 3)
    figures = measure(toy_tiles(image, label), image).pooled()
    assert figures["psnr_db"] == np.inf
    assert figures["rmse"] == 0
    assert figures["ssim"] == pytest.approx(1)
    assert figures["spectral_angle_rad"] == pytest.approx(0, abs=1e-6)


def test_a_spectrum_decoded_to_zero_has_a_right_angle(toy_tiles):
    image = np.full((1, 3, 16, 16), 500)
    figures = measure(toy_tiles(image), np.zeros(image.shape, np.uint16)).pooled()
    assert figures["spectral_angle_rad"] == pytest.approx(np.pi / 2)


def test_a_tile_of_nodata_has_no_psnr_and_does_not_change_pooled_figures(toy_tiles):
    image, decoded, _ = noisy(np.random.default_rng(2), 2, 2)
    whole = measure(toy_tiles(image[:1]), decoded[:1]).pooled()
    image[1] = 0
    both = measure(toy_tiles(image), decoded)
    assert both.pooled() == pytest.approx(whole, rel=0, abs=0, nan_ok=True)
    assert np.isnan(both.per_tile()["psnr_db"][1])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), bands=st.sampled_from([1, 3]))
def test_values_decoded_under_nodata_do_not_count(toy_tiles, seed, bands):
    rng = np.random.default_rng(seed)
    image, decoded, label = noisy(rng, 2, bands)
    tiles = toy_tiles(image, label)
    garbage = np.where(tiles.valid[:, None], decoded, rng.integers(0, 65536, decoded.shape))
    assert same(measure(tiles, decoded), measure(tiles, garbage.astype(np.uint16)))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(1, 4))
def test_pooled_figures_do_not_depend_on_order_or_parts(toy_tiles, seed, cut):
    rng = np.random.default_rng(seed)
    image, decoded, label = noisy(rng, 5, 2)
    whole = measure(toy_tiles(image, label), decoded)
    order = rng.permutation(5)
    parts = [
        measure(toy_tiles(image[chosen], label[chosen]), decoded[chosen])
        for chosen in (order[:cut], order[cut:])
    ]
    joined = Distortion.join(parts).pooled()
    assert joined == pytest.approx(whole.pooled(), rel=1e-12, nan_ok=True)
    assert joined["sse"] == sum(part.pooled()["sse"] for part in parts)


@pytest.mark.parametrize("bands", [1, 3])
def test_distortion_is_recovered_from_the_tidy_table(toy_tiles, bands):
    image, decoded, label = noisy(np.random.default_rng(3), 4, bands)
    image[2] = 0  # a tile without figures
    tiles = toy_tiles(image, label)
    measured = measure(tiles, decoded)
    rows = tile_rows(Key("toy", "jpeg2000", "0.1"), tiles, measured.per_tile())
    back = Distortion.from_rows(rows, tiles.info).pooled()
    assert back == pytest.approx(measured.pooled(), rel=1e-12, nan_ok=True)


def test_batches_of_tiles_equal_single_tiles(toy_tiles):
    image, decoded, label = noisy(np.random.default_rng(4), 70, 1)
    whole = measure(toy_tiles(image, label), decoded)
    each = [measure(toy_tiles(image[n:][:1], label[n:][:1]), decoded[n:][:1]) for n in range(70)]
    assert same(whole, Distortion.join(each))


def test_an_empty_set_of_tiles_has_undefined_figures(toy_tiles):
    image = np.zeros((0, 2, 16, 16), np.uint16)
    figures = measure(toy_tiles(image), image).pooled()
    assert figures["samples"] == 0
    assert np.isnan(figures["psnr_db"])


def test_a_different_number_of_tiles_is_refused(toy_tiles):
    image = np.ones((2, 1, 16, 16), np.uint16)
    with pytest.raises(ValueError, match=r"originals have shape \(2, .*reconstructions \(1, "):
        measure(toy_tiles(image), image[:1])
