"""A stand-in for CIFAR-10: ten classes of smooth patterns under noise, no photographs."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from decentralizepy.datasets.stand_in._python2 import dumps
from decentralizepy.datasets.stand_in._write import folders

Floats = npt.NDArray[np.float32]

SIDE, FIELD = 32, 40  # an image is a random window of a larger field
VARIETIES = 8  # patterns per class
DISTRACTORS = 512  # fields that are independent of the class


def write(
    directory: Path, seed: int = 1, train: int = 50_000, test: int = 10_000
) -> None:
    """Write the folder ``cifar-10-batches-py``: five training files and one test file.

    Like the real ones, they are pickles of Python 2.

    Parameters
    ----------
    directory : Path
        The folder for ``train_dir`` and ``test_dir``.
    seed : int, default 1
        Decides every byte.
    train, test : int, default 50000 and 10000
        Number of images.

    Raises
    ------
    DataError
        If the folder exists and was not generated.
    """
    rng = np.random.default_rng(seed)
    with folders(directory, ["cifar-10-batches-py"], seed) as (folder,):
        looks = _smooth_fields(rng, 10 * VARIETIES)
        distractors = _smooth_fields(rng, DISTRACTORS)
        counts = {f"data_batch_{i + 1}": (train + i) // 5 for i in range(5)}
        for name, count in {**counts, "test_batch": test}.items():
            batch = _batch(rng, looks, distractors, count)
            (folder / name).write_bytes(dumps({"batch_label": name, **batch}))
        names = [f"pattern {label}" for label in range(10)]
        meta = {"label_names": names, "num_vis": 3072}
        (folder / "batches.meta").write_bytes(dumps(meta))


def _smooth_fields(rng: np.random.Generator, count: int) -> Floats:
    """Return random low-frequency patterns of variance 1, of shape (count, 3, 40, 40)."""
    spectrum = np.zeros((count, 3, FIELD, FIELD // 2 + 1), dtype=np.complex64)
    corner = rng.standard_normal((2, count, 3, 5, 5))
    spectrum[..., :5, :5] = corner[0] + 1j * corner[1]
    spectrum[..., 0, 0] = 0
    fields = np.fft.irfft2(spectrum, (FIELD, FIELD)).astype(np.float32)
    fields /= fields.std(axis=(1, 2, 3), keepdims=True)
    return fields


def _windows(
    rng: np.random.Generator, fields: Floats, which: npt.NDArray[np.int64]
) -> Floats:
    """Return a random window of each of the fields ``which``."""
    views = np.lib.stride_tricks.sliding_window_view(fields, (SIDE, SIDE), axis=(2, 3))
    y, x = rng.integers(0, FIELD - SIDE + 1, (2, len(which)))
    return views[which, :, y, x]


def _batch(
    rng: np.random.Generator, looks: Floats, distractors: Floats, count: int
) -> dict[str, object]:
    """Return the content of a CIFAR-10 file with ``count`` images."""
    labels = rng.integers(0, 10, count)
    look = labels * VARIETIES + rng.integers(0, VARIETIES, count)
    images = 22 * _windows(rng, looks, look)
    images += 30 * _windows(rng, distractors, rng.integers(0, DISTRACTORS, count))
    images += 30 * rng.standard_normal(images.shape, dtype=np.float32) + 120
    names = [f"pattern_{label}_{n:05}.png" for n, label in enumerate(labels.tolist())]
    data = images.clip(0, 255).astype(np.uint8).reshape(count, -1)
    return {"labels": labels.tolist(), "data": data, "filenames": names}
