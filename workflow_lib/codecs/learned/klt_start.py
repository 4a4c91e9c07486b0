"""Initialise a learned codec with a patch Karhunen–Loève transform (KLT)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workflow_lib.codecs.learned.model import LearnedModel
from workflow_lib.codecs.learned.options import PATCH
from workflow_lib.codecs.learned.rounding import dead_zone

_FLATTEST = 0.15
"""Smallest initial standard deviation of a channel, in rounding steps."""
_STRIDE = 4
"""Distance between patches, in pixels."""
_TILES = 128
"""Approximate largest number of tiles from which the transform is computed."""


@dataclass(frozen=True)
class PatchKlt:
    """An orthonormal basis of image patches.

    Attributes:
        basis: [coefficient, band · 16 · 16], float32, in order of decreasing variance.
        deviations: standard deviation of each coefficient, [coefficient].
    """

    basis: Tensor
    deviations: Tensor


def quantiser_step(lam: float) -> float:
    """Compute the uniform quantiser's step, in units of √MSE, that minimises R + λ·MSE.

    At high rate R = −log₂ Δ + const and MSE = Δ²/12, so the minimum is at Δ² = 12/(2·ln 2·λ).
    """
    return math.sqrt(12 / (2 * math.log(2) * lam))


def patch_klt(image: Tensor, coefficients: int) -> PatchKlt:
    """Compute a spectral KLT, then a spatial KLT of 16×16 patches for each spectral component.

    The two steps need far fewer patches than a joint KLT. Patches overlap and are used in all
    eight orientations, because shifted, rotated and mirrored scenes are equally likely.

    Args:
        image: [tile, band, y, x], zero mean per band, sides at least 16.
        coefficients: number of coefficients to keep, those with the largest variances, out of
            band·16·16.
    """
    bands = image.shape[1]
    pixels = image.transpose(0, 1).reshape(bands, -1).double()
    spectral = torch.linalg.eigh(pixels @ pixels.T / pixels.shape[1]).eigenvectors
    components = torch.einsum("tbyx,bk->tkyx", image, spectral.float())
    found = [_spatial(components[:, k : k + 1]) for k in range(bands)]
    variances = torch.cat([variance for variance, _ in found])
    chosen = torch.argsort(variances, descending=True, stable=True)[:coefficients]
    basis = torch.stack(
        [
            torch.outer(spectral[:, k // PATCH**2], found[k // PATCH**2][1][:, k % PATCH**2])
            for k in chosen.tolist()
        ]
    )
    deviations = variances[chosen].clamp_min(0).sqrt()
    return PatchKlt(basis.flatten(1).float(), deviations.float())


def _spatial(component: Tensor) -> tuple[Tensor, Tensor]:
    """Compute eigenvalues and eigenvectors of the covariance of one component's patches."""
    patches = nn.functional.unfold(component, PATCH, stride=_STRIDE).transpose(0, 1).flatten(1)
    covariance = (patches @ patches.T / patches.shape[1]).double().reshape([PATCH] * 4)
    covariance = (covariance + covariance.permute(1, 0, 3, 2)) / 2
    for axes in ((0, 2), (1, 3)):
        covariance = (covariance + covariance.flip(axes)) / 2
    found = torch.linalg.eigh(covariance.reshape(PATCH**2, PATCH**2))
    return found.eigenvalues, found.eigenvectors


@torch.no_grad()
def start_from_klt(model: LearnedModel, image: Tensor, weights: Tensor, lam: float) -> None:
    """Initialise a model so that it codes the KLT of `image` with the quantiser step of λ.

    The nonlinear branches and the context model contribute nothing at first. Every latent's prior
    is a zero-mean mixture with the coefficient's variance.

    Args:
        model: untrained model, changed in place.
        image: normalised training tiles, [tile, band, y, x], sides at least 16.
        weights: √MSE₂₅₅ of a deviation of 1 in a normalised band, [band, 1, 1].
        lam: weight λ of the distortion.
    """
    step = quantiser_step(lam)
    enough = image[:: -(-len(image) // _TILES)]
    klt = patch_klt(enough * weights, model.sizes.latents)
    scale = weights.flatten().repeat_interleave(PATCH**2)
    model.analysis.linear.weight.copy_((klt.basis * scale / step)[:, :, None, None])
    model.synthesis.linear.weight.copy_((klt.basis.T * step / scale[:, None])[:, :, None, None])
    model.spread.copy_((klt.deviations / step).clamp_min(_FLATTEST)[:, None, None])
    model.zone.copy_(dead_zone(model.spread))
    for layer in (model.analysis.last, model.synthesis.last):
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
    model.prior.start_flat()
