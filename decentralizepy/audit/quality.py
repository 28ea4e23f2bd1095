"""How close reconstructed images are to those that they are of."""

from __future__ import annotations

import math

import numpy as np
import torch

from decentralizepy.errors import ConfigError

Tensor = torch.Tensor


def match(images: Tensor, among: Tensor) -> Tensor:
    """Return the images of ``among`` nearest to each, no one twice; shapes (b, ...), (n, ...).

    The sum of squared differences is minimal over all such choices.
    """
    from scipy.optimize import linear_sum_assignment

    costs = torch.cdist(images.flatten(1), among.flatten(1)).square()
    _, places = linear_sum_assignment(costs.numpy())
    return among[torch.from_numpy(places)]


def psnr(images: Tensor, truth: Tensor, span: float) -> float:
    """Return the mean peak signal-to-noise ratio in dB; at most 100, as of equal images.

    It is ``10 log10(span^2 / MSE)``, with ``span`` the range of values of a pixel.
    """
    errors = (images - truth).flatten(1).double().square().mean(1)
    least = span**2 * 1e-10
    values = [10 * math.log10(span**2 / max(least, error)) for error in errors.tolist()]
    return sum(values) / len(values)


def ssim(images: Tensor, truth: Tensor, span: float) -> float:
    """Return the mean structural similarity, 1 for equal images.

    In windows of 7 x 7 pixels, or of all that there are. Wang, Bovik, Sheikh and
    Simoncelli, Image Quality Assessment, IEEE TIP 2004.

    Raises
    ------
    ConfigError
        If scikit-image is missing.
    """
    try:
        from skimage.metrics import structural_similarity
    except ImportError:
        raise ConfigError(
            "SSIM takes scikit-image: pip install 'decentralizepy[audit]'"
        ) from None
    side = min(7, *images.shape[-2:])
    window = side - (side + 1) % 2
    values = [
        structural_similarity(
            one.numpy(), two.numpy(), win_size=window, channel_axis=0, data_range=span
        )
        for one, two in zip(images, truth, strict=True)
    ]
    return float(np.mean(values))
