"""The stand-in for CIFAR-10: its sizes, its format, and that it can be learned."""

import pickle

import numpy as np

from decentralizepy.datasets.stand_in import cifar10
from tests.support.stand_ins import majority


def batches(directory):
    folder = directory / "cifar-10-batches-py"
    names = ["batches.meta", "test_batch", *(f"data_batch_{n}" for n in range(1, 6))]
    return {
        name: pickle.loads((folder / name).read_bytes(), encoding="latin1")
        for name in names
    }


def test_all_images_asked_for_are_there(tmp_path):
    cifar10.write(tmp_path, train=12, test=3)
    found = batches(tmp_path)
    assert found.pop("batches.meta")["label_names"][0] == "pattern 0"
    assert found["test_batch"]["data"].shape == (3, 3072)
    assert sum(len(found[f"data_batch_{n}"]["data"]) for n in range(1, 6)) == 12
    for batch in found.values():
        assert batch["data"].dtype == np.uint8
        assert len(batch["labels"]) == len(batch["data"])
        assert set(map(type, batch["labels"])) == {int}


def test_neighbors_among_the_images_beat_the_majority(tmp_path):
    cifar10.write(tmp_path, train=2000, test=200)
    found = batches(tmp_path)
    parts = [found[f"data_batch_{n}"] for n in range(1, 6)]
    x = np.concatenate([coarse(part["data"]) for part in parts])
    y = [label for part in parts for label in part["labels"]]
    tests, truth = coarse(found["test_batch"]["data"]), found["test_batch"]["labels"]
    distances = (x**2).sum(1) - 2 * tests @ x.T
    nearest = np.argsort(distances, axis=1)[:, :15]
    votes = [np.bincount(of).argmax() for of in np.array(y)[nearest]]
    assert np.mean(np.array(truth) == votes) > majority(y, truth) + 0.1


def coarse(data):
    """Return images of 8x8, less noisy."""
    blocks = data.reshape(-1, 3, 8, 4, 8, 4).mean((3, 5))
    return (blocks - blocks.mean((1, 2, 3), keepdims=True)).reshape(len(data), -1)
