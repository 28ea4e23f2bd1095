"""FashionMNIST: idx files, packed or not, where they may lie, and the real ones."""

import gzip
import os

import numpy as np
import pytest
import torch

from decentralizepy.datasets.FashionMNIST import (
    CNN,
    INSTALL,
    INSTALLED,
    FashionMNIST,
    LeNet,
)
from decentralizepy.errors import DataError
from decentralizepy.mappings.Linear import Linear


def idx(array):
    shape = np.array(array.shape, dtype=">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + shape + array.tobytes()


def write(folder, pixels, labels, packed=False, prefixes=("train", "t10k")):
    folder.mkdir(parents=True, exist_ok=True)
    for prefix in prefixes:
        for name, array in [("images-idx3", pixels), ("labels-idx1", labels)]:
            path = folder / f"{prefix}-{name}-ubyte"
            if packed:
                path.with_name(path.name + ".gz").write_bytes(gzip.compress(idx(array)))
            else:
                path.write_bytes(idx(array))


PIXELS = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
LABELS = np.array([0, 9, 3, 3, 2, 1], dtype=np.uint8)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("below", ["", "FashionMNIST/raw"])
def test_files_are_found_packed_or_not(tmp_path, packed, below):
    write(tmp_path / below, PIXELS, LABELS, packed)
    node = FashionMNIST(0, 0, Linear(1, 1), train_dir=str(tmp_path))
    for images in (node.trainset.data, node.testset):
        x, y = images[:]
        assert x.shape == (6, 1, 28, 28)
        assert y.tolist() == LABELS.tolist()
        pixels = ((x + 1) * 127.5).round().to(torch.uint8)
        assert np.array_equal(pixels[:, 0].numpy(), PIXELS)


def test_missing_files_say_how_to_get_them(tmp_path):
    with pytest.raises(
        DataError, match=r"neither train-images.*apt-get install dataset-f"
    ):
        FashionMNIST.prepare(train_dir=str(tmp_path))


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw + b"\0",
        lambda raw: raw[:5],
        lambda raw: b"",
        lambda raw: b"\0\0\x09\x01" + raw[4:],
    ],
)
def test_damaged_files_are_named(tmp_path, damage):
    write(tmp_path, PIXELS, LABELS)
    path = tmp_path / "train-labels-idx1-ubyte"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="train-labels-idx1-ubyte: damaged"):
        FashionMNIST.prepare(train_dir=str(tmp_path))


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:10],
        lambda raw: raw[:-8],
        lambda raw: raw[:10] + b"\xff" * 20 + raw[30:],
        lambda raw: raw[:-8] + bytes(8),
        lambda raw: b"not gzip at all",
    ],
)
def test_a_damaged_packed_file_cannot_be_read(tmp_path, damage):
    write(tmp_path, PIXELS, LABELS, packed=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"ubyte.gz: cannot be read"):
        FashionMNIST.prepare(train_dir=str(tmp_path))


@pytest.mark.parametrize(
    ("pixels", "labels"),
    [(PIXELS, LABELS[:5]), (PIXELS[:, :27], LABELS), (PIXELS, LABELS + 1)],
)
def test_files_that_do_not_fit_are_refused(tmp_path, pixels, labels):
    write(tmp_path, pixels, labels)
    with pytest.raises(DataError, match="expected as many labels, 0 to 9, as images"):
        FashionMNIST.prepare(train_dir=str(tmp_path))


@pytest.mark.parametrize(("model", "size"), [(CNN, 44_426), (LeNet, 83_754)])
def test_models(model, size):
    assert model().count_params() == size
    assert model()(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.dataset
@pytest.mark.skipif(not os.path.isdir(INSTALLED), reason=f"no data: {INSTALL}")
def test_the_real_images_are_balanced():
    node = FashionMNIST(0, 0, Linear(1, 1))
    assert np.bincount(node.trainset.targets).tolist() == [6000] * 10
    assert np.bincount(node.testset.targets).tolist() == [1000] * 10
