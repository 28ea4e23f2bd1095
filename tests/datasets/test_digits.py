"""Digits: the same images as scikit-learn's, without it, and learned in a second."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from decentralizepy.datasets.Digits import CNN, MLP, Digits, _path
from decentralizepy.errors import DataError
from decentralizepy.mappings.Linear import Linear


def images(dataset):
    x, y = dataset[:]
    return ((x.flatten(1) + 1) * 8).numpy(), y.numpy()


def test_train_and_test_are_scikit_learns_digits():
    node = Digits(0, 0, Linear(1, 1))
    pixels, labels = map(
        np.concatenate, zip(images(node.trainset), images(node.testset), strict=True)
    )
    from sklearn.datasets import load_digits

    digits = load_digits()
    ours = sorted(map(tuple, np.column_stack([pixels, labels]).tolist()))
    theirs = np.column_stack([digits.data, digits.target]).tolist()
    assert ours == sorted(map(tuple, theirs))


def test_the_test_set_is_a_fifth_of_each_class():
    node = Digits(0, 0, Linear(1, 1))
    assert (len(node.trainset), len(node.testset)) == (1438, 359)
    counts = np.bincount(node.testset.targets)
    assert counts.min() >= 34
    assert counts.max() <= 37


def test_scikit_learn_is_not_imported():
    """Its import costs every run most of a second."""
    script = (
        "import sys; from decentralizepy.datasets.Digits import Digits; "
        "Digits.prepare(); sys.exit('sklearn' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_without_scikit_learn_it_says_so(monkeypatch):
    monkeypatch.setattr(f"{Digits.__module__}.find_spec", lambda name: None)
    with pytest.raises(DataError, match="expected scikit-learn installed"):
        _path()


@pytest.mark.parametrize(("model", "size"), [(CNN, 13_706), (MLP, 4_810)])
def test_a_node_learns_them(model, size):
    node = Digits(0, 0, Linear(1, 1))
    torch.manual_seed(0)
    network, loss = model(), torch.nn.CrossEntropyLoss()
    assert network.count_params() == size
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(6):
        for x, y in node.get_trainset(16, shuffle=True):
            optimizer.zero_grad()
            loss(network(x), y).backward()
            optimizer.step()
    assert node.test(network, loss)[0] > 95
