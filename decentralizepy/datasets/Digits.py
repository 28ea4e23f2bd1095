"""8x8 handwritten digits that ship with scikit-learn, so no download is needed."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from decentralizepy.datasets.images import ImageDataset
from decentralizepy.datasets.pixels import Labels, Pixels
from decentralizepy.errors import DataError
from decentralizepy.models.digits import CNN, MLP

__all__ = ["CNN", "MLP", "Digits"]

FILE = "datasets/data/digits.csv.gz"


class Digits(ImageDataset):
    """UCI's 1,797 handwritten digits: x (1, 8, 8), 10 classes.

    The file is located without importing scikit-learn. Every fifth of the samples, sorted
    by label, is for testing: 359 samples, stratified by class; 1,438 are for training.

    Parameters
    ----------
    train_dir, test_dir : str, default ""
        Ignored: both sets always exist.
    others
        As for :class:`~decentralizepy.datasets.images.ImageDataset`.
    """

    highest = 16
    bundled = True

    @staticmethod
    def read(directory: str | None, train: bool) -> tuple[Pixels, Labels]:
        return _read(train)


@lru_cache
def _read(train: bool) -> tuple[Pixels, Labels]:
    table = np.loadtxt(_path(), delimiter=",", dtype=np.uint8)
    labels = table[:, -1].astype(np.int64)
    testing = np.zeros(len(table), dtype=bool)
    testing[np.argsort(labels, kind="stable")[4::5]] = True
    chosen = ~testing if train else testing
    return table[chosen, :-1].reshape(-1, 8, 8, 1), labels[chosen]


def _path() -> Path:
    package = find_spec("sklearn")
    for folder in (package and package.submodule_search_locations) or ():
        if (path := Path(folder, FILE)).is_file():
            return path
    raise DataError(f"scikit-learn's {FILE} not found: expected scikit-learn installed")
