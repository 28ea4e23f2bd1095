"""Stand-ins as the public readers of the real sets see them.

Each function reads as its library does: torchvision's CIFAR10, LEAF's ``read_data`` and
what its models do with x and y, and pandas for MovieLens.
"""

import json
import os
import pickle
import pickletools
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from decentralizepy.datasets.stand_in import (
    celeba,
    cifar10,
    femnist,
    movielens,
    reddit,
    shakespeare,
)


def torchvision_cifar10(root, files):
    """Return images (n, 32, 32, 3) and labels, as ``torchvision.datasets.CIFAR10`` does."""
    data, targets = [], []
    for name in files:
        with open(os.path.join(root, "cifar-10-batches-py", name), "rb") as file:
            entry = pickle.load(file, encoding="latin1")
        data.append(entry["data"])
        targets.extend(entry["labels"])
    return np.vstack(data).reshape(-1, 3, 32, 32).transpose((0, 2, 3, 1)), targets


def leaf_data(folder):
    """Return the users, sorted, and what each holds, as LEAF's ``read_dir`` does."""
    data = defaultdict(lambda: None)
    for name in os.listdir(folder):
        if name.endswith(".json"):
            with open(os.path.join(folder, name)) as file:
                content = json.load(file)
            data.update(content["user_data"])
    return sorted(data), data


def leaf_samples(train, test):
    """Return x and y of all users, who must be the same in both folders."""
    users, data = leaf_data(train)
    test_users, test_data = leaf_data(test)
    assert users == test_users
    both = [part[user] for part in (data, test_data) for user in users]
    return [x for of in both for x in of["x"]], [y for of in both for y in of["y"]]


@pytest.fixture(scope="module")
def cifar(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar")
    cifar10.write(folder, train=12, test=3)
    return folder


def test_torchvision_reads_cifar10(cifar):
    names = [f"data_batch_{number}" for number in range(1, 6)]
    images, labels = torchvision_cifar10(cifar, names)
    assert (images.shape, images.dtype) == ((12, 32, 32, 3), np.uint8)
    assert len(labels) == 12
    assert set(labels) <= set(range(10))
    tests, _ = torchvision_cifar10(cifar, ["test_batch"])
    assert len(tests) == 3
    with (cifar / "cifar-10-batches-py" / "batches.meta").open("rb") as file:
        assert len(pickle.load(file, encoding="latin1")["label_names"]) == 10


@pytest.mark.parametrize("name", ["data_batch_1", "batches.meta"])
def test_cifar10_files_are_pickles_of_python_2(cifar, name):
    """Breaks when texts are unicode, or bytes by way of a function that Python 2 lacks."""
    content = (cifar / "cifar-10-batches-py" / name).read_bytes()
    opcodes = [(code.name, code.proto) for code, _, _ in pickletools.genops(content)]
    assert max(proto for _, proto in opcodes) == 2
    assert "BINSTRING" in dict(opcodes)
    assert not any("UNICODE" in name for name, _ in opcodes)
    assert b"_codecs" not in content


def test_both_ways_to_read_cifar10_agree(cifar):
    path = cifar / "cifar-10-batches-py" / "data_batch_2"
    as_bytes = pickle.loads(path.read_bytes(), encoding="bytes")
    as_text = pickle.loads(path.read_bytes(), encoding="latin1")
    assert np.array_equal(as_bytes[b"data"], as_text["data"])
    assert as_bytes[b"labels"] == as_text["labels"]


def test_leaf_reads_femnist(tmp_path):
    femnist.write(tmp_path, writers=3, samples=10, per_file=2)
    x, y = leaf_samples(tmp_path / "train", tmp_path / "test")
    assert np.array(x).reshape(-1, 28, 28).shape == (len(y), 28, 28)
    assert set(y) <= set(range(62))


def test_leaf_reads_celeba(tmp_path):
    celeba.write(tmp_path, persons=3, images=6, per_file=2)
    x, y = leaf_samples(tmp_path / "train", tmp_path / "test")
    for name in x:
        with Image.open(os.path.join(tmp_path, "img_align_celeba", name)) as image:
            assert np.array(image.resize((84, 84)).convert("RGB")).shape == (84, 84, 3)
    assert set(y) == {0, 1}


LEAF_LETTERS = (
    "\n !\"&'(),-.0123456789:;>?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]abcdefghijklmnopqrstuvwxyz}"
)


def test_leaf_reads_shakespeare(tmp_path):
    shakespeare.write(tmp_path, roles=3, samples=10, per_file=2)
    x, y = leaf_samples(tmp_path / "train", tmp_path / "test")
    assert len(LEAF_LETTERS) == 80
    numbers = np.array([[LEAF_LETTERS.find(letter) for letter in text] for text in x])
    assert numbers.shape == (len(y), 80)
    assert numbers.min() >= 0, "a letter that LEAF's alphabet lacks"
    assert min(LEAF_LETTERS.find(letter) for letter in y) >= 0


def test_leaf_reads_reddit(tmp_path):
    reddit.write(tmp_path, users=3, comments=5, per_file=2)
    with (tmp_path / "vocab" / "reddit_vocab.pck").open("rb") as file:
        content = pickle.load(file)
    vocab = defaultdict(lambda: content["unk_symbol"])
    vocab.update(content["vocab"])
    x, y = leaf_samples(tmp_path / "data" / "train", tmp_path / "data" / "test")
    tokens = [sequence for comment in x for sequence in comment]
    targets = [sequence for comment in y for sequence in comment["target_tokens"]]
    numbers = np.array([[vocab[token] for token in each] for each in tokens])
    assert numbers.shape == (len(targets), 10)
    assert numbers.max() < content["size"]
    assert content["unk_symbol"] not in numbers
    lengths = np.sum(numbers != content["pad_symbol"], axis=1)
    assert lengths.min() >= 1


def test_pandas_reads_movielens(tmp_path):
    movielens.write(tmp_path, users=5, movies=60, ratings=25)
    path = tmp_path / "ml-latest-small" / "ratings.csv"
    names = ["user_id", "item_id", "rating", "timestamp"]
    table = pd.read_csv(path, names=names, header=0)
    assert sorted(table["user_id"].unique()) == [1, 2, 3, 4, 5]
    assert set(table["rating"]) <= {half / 2 for half in range(1, 11)}
    assert table["timestamp"].dtype == np.int64
