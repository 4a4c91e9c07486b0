"""Scenes to code, and measures of reconstruction quality."""

import numpy as np
import pytest


def _scene(bands, height=192, width=160, seed=0):
    """Generate spatially smooth, spectrally correlated counts with some texture."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:height, :width] / 32
    base = 3000 + 1200 * np.sin(rows + 0.3 * cols) + 900 * np.cos(1.7 * cols)
    texture = rng.normal(0, 80, (height, width))
    gains = np.linspace(0.5, 1.5, bands)[:, None, None]
    own = rng.normal(0, 8, (bands, height, width))
    return np.rint(gains * (base + texture) + own).clip(1, 65535).astype(np.uint16)


def _psnr(a, b):
    return 10 * np.log10(10000**2 / np.mean((a.astype(float) - b) ** 2))


@pytest.fixture(scope="session")
def scene():
    return _scene


@pytest.fixture(scope="session")
def psnr():
    return _psnr
