import math

import pytest
import torch
from learned_examples import smooth_counts

from workflow_lib.codecs.learned.context import Context
from workflow_lib.codecs.learned.klt_start import patch_klt, quantiser_step, start_from_klt
from workflow_lib.codecs.learned.model import LearnedModel
from workflow_lib.codecs.learned.prior import Architecture


@pytest.fixture(scope="module")
def image():
    counts = torch.from_numpy(smooth_counts(6, 2, 64).astype("float32"))
    centred = counts - counts.mean(dim=(0, 2, 3), keepdim=True)
    return centred / 500


def patches(image):
    return torch.nn.functional.pixel_unshuffle(image, 16).permute(0, 2, 3, 1).flatten(0, 2)


def test_the_basis_is_orthonormal_and_sorted(image):
    klt = patch_klt(image, 100)
    assert torch.allclose(klt.basis @ klt.basis.T, torch.eye(100), atol=1e-4)
    assert (klt.deviations.diff() <= 0).all()


def test_the_basis_packs_energy_better_than_pixels(image):
    found = (patches(image) @ patch_klt(image, 20).basis.T).square().sum()
    assert found > 0.9 * patches(image).square().sum()


def test_the_step_minimises_rate_plus_lambda_times_error_at_high_rate():
    lam = 0.3

    def loss(step):
        return -math.log2(step) + lam * step**2 / 12

    best = quantiser_step(lam)
    assert loss(best) < min(loss(0.95 * best), loss(1.05 * best))


def test_the_start_reconstructs_the_kept_coefficients(image):
    weights = torch.tensor([2.0, 0.5])[:, None, None]
    model = LearnedModel(Architecture(2, 8, 512, 3, Context.NONE))
    start_from_klt(model, image, weights, lam=1.0)
    with torch.no_grad():
        latents = model.analysis(image)
        assert torch.allclose(model.synthesis(latents, latents / model.spread), image, atol=1e-3)
        # an orthonormal transform: one step of latent error is one step of weighted image error
        squares = (image * weights).square().sum() / quantiser_step(1.0) ** 2
    assert latents.square().sum().item() == pytest.approx(squares.item(), rel=1e-3)
