"""Random crops and flips of training images."""

from typing import NamedTuple

import numpy as np
import torch

from decentralizepy.errors import ConfigError


class Augmentation(NamedTuple):
    """Crop images at random, after padding them, and flip some of them.

    Each image of a batch is padded by ``padding`` zeros on all sides, a crop of its
    original size is taken from a uniformly random place, and it is mirrored with
    probability 1/2 (He et al., Deep Residual Learning for Image Recognition, CVPR 2016,
    section 4.2). torchvision draws one place for a whole batch, from the global generator.

    Parameters
    ----------
    padding : int, default 0
        In pixels; 0 for no crops.
    flip : bool, default False
    """

    padding: int = 0
    flip: bool = False

    def __call__(
        self, images: torch.Tensor, generator: np.random.Generator
    ) -> torch.Tensor:
        """Return augmented copies of ``images``, of shape (n, channels, height, width)."""
        check_images(images, self)
        if self.padding:
            images = self._crop(images, generator)
        if self.flip:
            chosen = generator.random(len(images)) < 0.5
            mask = torch.from_numpy(chosen).view(-1, 1, 1, 1).to(images.device)
            images = torch.where(mask, images.flip(3), images)
        return images

    def _crop(
        self, images: torch.Tensor, generator: np.random.Generator
    ) -> torch.Tensor:
        height, width = images.shape[2:]
        places = generator.integers(0, 2 * self.padding + 1, (len(images), 2)).tolist()
        padded = torch.nn.functional.pad(images, (self.padding,) * 4)
        cropped = torch.empty_like(images)
        for number, (top, left) in enumerate(places):
            part = padded[number, :, top : top + height, left : left + width]
            cropped[number] = part
        return cropped


def check_images(images: object, augmentation: Augmentation) -> None:
    """Raise a ConfigError unless ``images`` is a tensor that can be augmented."""
    if isinstance(images, torch.Tensor) and images.dim() == 4:
        return
    shape = getattr(images, "shape", None)
    found = type(images).__name__ if shape is None else f"of shape {tuple(shape)}"
    raise ConfigError(
        f"needs images of shape (n, channels, height, width), but a batch is {found}",
        section="TRAIN_PARAMS",
        key="crop_padding" if augmentation.padding else "horizontal_flip",
        value=augmentation.padding or True,
    )
