"""CelebA: photographs of faces, by person, labeled as smiling or not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from decentralizepy.config.order import in_order
from decentralizepy.datasets.leaf.cache import (
    Array,
    Codec,
    RecordError,
    encode_labels,
)
from decentralizepy.datasets.leaf.dataset import LeafDataset
from decentralizepy.errors import DataError
from decentralizepy.models.celeba import CNN

__all__ = ["CNN", "Celeba"]

CLASSES = NUM_CLASSES = 2
SIDE = IMAGE_DIM = 84
CHANNELS = 3


class Celeba(LeafDataset):
    """Faces of some 9,300 people (arXiv:1812.01097): x (3, 84, 84), 2 classes.

    In the JSON files, x is the name of an image. Images are converted to RGB and resized
    to 84x84 once, when the cache is created. Batches are in channels_last memory format.
    Class 1 is smiling.

    Parameters
    ----------
    *place
        ``rank``, ``machine_id`` and ``mapping``.
    random_seed, only_local, train_dir, test_dir, sizes, test_batch_size
        As for :class:`~decentralizepy.datasets.leaf.dataset.LeafDataset`.
    validation_source, validation_size, partition_niid
        Likewise.
    images_dir : str
        The folder of the images: for each name, a ``.png`` with the same stem or, if there
        is none, the named file. If images change, remove ``.decentralizepy`` from
        ``train_dir`` and ``test_dir``.
    scaled : bool, default True
        Whether x is scaled to [0, 1] instead of [0, 255] as in DecentralizePy, where
        learning rates are about 50 times lower and initial losses are in the thousands.
    """

    num_classes = CLASSES
    replaced: ClassVar = {
        **LeafDataset.replaced,
        "process_x": "codec, whose encode opens the images, or load_trainset",
        "_load_image": "codec, whose encode opens the images, or load_trainset",
    }

    @in_order(
        3,
        "random_seed only_local train_dir test_dir images_dir sizes test_batch_size "
        "validation_source validation_size partition_niid scaled",
    )
    def __init__(
        self, *place: Any, images_dir: str = "", scaled: bool = True, **options: Any
    ) -> None:
        self.images_dir = self.IMAGES_DIR = images_dir
        self.highest = 1 if scaled else 255
        super().__init__(*place, **options)

    def codec(self) -> Codec:
        folder = Path(self.images_dir)
        if not self.images_dir or not folder.is_dir():
            raise DataError(
                section="DATASET",
                key="images_dir",
                value=self.images_dir,
                expected="the folder of the images that train_dir and test_dir name",
            )
        return _Codec(folder)

    def convert(self, x: torch.Tensor) -> torch.Tensor:
        return x.movedim(-1, -3).to(torch.float32).mul_(self.highest / 255)


class _Codec:
    name, version = "celeba", 1
    record, label = str, int

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sources: Sequence[Path] = (folder,)

    def encode(self, x: list[Any], y: list[Any]) -> tuple[Array, Array]:
        pixels = np.empty((len(x), SIDE, SIDE, 3), np.uint8)
        for number, name in enumerate(x):
            try:
                pixels[number] = _pixels(_find(self.folder, name))
            except Exception as error:  # a damaged image can raise anything
                raise RecordError(number, f"image {name}: {error}") from error
        return pixels, encode_labels(y, CLASSES)


def _find(folder: Path, name: str) -> Path:
    for path in (folder / f"{name[:-4]}.png", folder / name):
        if path.is_file():
            return path
    raise FileNotFoundError(f"neither it nor {name[:-4]}.png is in {folder}")


def _pixels(path: Path) -> Array:
    """Return an image of any size and mode as (84, 84, 3)."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((SIDE, SIDE)))
