"""Femnist: pixels and labels as in the files, and what training sees."""

import json

import numpy as np
import pytest
import torch

from decentralizepy.datasets.Femnist import CNN, RNET, Femnist, LogisticRegression
from decentralizepy.errors import DataError
from decentralizepy.graphs.Ring import Ring
from decentralizepy.mappings.Linear import Linear


def writer(count, seed=1):
    """Return a writer's samples: grey, with 12 white pixels at the label's place."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 62, count)
    pixels = rng.integers(0, 64, (count, 784)) / 255
    pixels[np.arange(784) // 12 == labels[:, None]] = 1
    return {"x": pixels.tolist(), "y": labels.tolist()}


def write(folder, name="all_data_0", **writers):
    folder.mkdir(exist_ok=True)
    counts = [len(each["y"]) for each in writers.values()]
    content = {"users": list(writers), "num_samples": counts, "user_data": writers}
    (folder / f"{name}.json").write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "data", "one", f0=writer(20, 1), f1=writer(5, 2))
    write(tmp_path / "data", "two", f2=writer(21, 3))
    return tmp_path / "data"


def node(folder, rank=0, nodes=1, **options):
    options = {"train_dir": str(folder), "test_dir": str(folder), **options}
    return Femnist(rank, 0, Linear(1, nodes), **options)


def test_pixels_are_those_of_the_file(folder):
    x, y = node(folder).trainset[20:25]
    source = writer(5, 2)
    expected = torch.tensor(source["x"], dtype=torch.float32).reshape(5, 1, 28, 28)
    assert torch.equal(x, expected)
    assert y.tolist() == source["y"]
    assert y.dtype == torch.int64


def test_training_leaves_out_a_batch_that_is_not_full(folder):
    sizes = [len(y) for _, y in node(folder).get_trainset(20, shuffle=True)]
    assert sizes == [20, 20]
    assert sum(len(y) for _, y in node(folder).get_testset()) == 46


def test_a_part_smaller_than_a_batch_is_one(folder):
    """In DecentralizePy its training would spin for ever."""
    dataset = node(folder, nodes=3, rank=2, partition_niid="users")
    (x, _), *others = dataset.get_trainset(64)
    assert len(x) == len(dataset.trainset)
    assert not others


def test_all_62_classes_are_counted(folder):
    counts = node(folder).get_label_distribution()
    assert len(counts) == 62
    labels = [
        label for n, s in ((20, 1), (5, 2), (21, 3)) for label in writer(n, s)["y"]
    ]
    assert counts == np.bincount(labels, minlength=62).tolist()


@pytest.mark.parametrize("model", [LogisticRegression, CNN, RNET])
def test_an_untrained_network_guesses(folder, model):
    dataset = node(folder, validation_source="Test", validation_size=0.5)
    torch.manual_seed(0)
    for measure in (dataset.test, dataset.validate):
        accuracy, loss = measure(model(), torch.nn.CrossEntropyLoss())
        assert 0 <= accuracy < 50
        assert loss == pytest.approx(np.log(62), rel=0.2)


def test_a_network_of_nodes_learns(folder, run_nodes):
    nodes = run_nodes(
        Ring(3),
        rounds=10,
        DATASET={
            "dataset_package": "decentralizepy.datasets.Femnist",
            "dataset_class": "Femnist",
            "model_class": "LogisticRegression",
            "train_dir": str(folder),
            "test_dir": str(folder),
            "partition_niid": "users",
        },
        OPTIMIZER_PARAMS={"lr": 0.05},
        TRAIN_PARAMS={"batch_size": 8, "rounds": 5},
    )
    dataset = node(folder)
    torch.manual_seed(0)
    loss = torch.nn.CrossEntropyLoss()
    before = dataset.test(LogisticRegression(), loss)
    after = dataset.test(nodes[0].model, loss)
    assert after[1] < before[1] - 0.3


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"y": [1, 62]}, "label 62: expected 0 to 61"),
        ({"y": [1, -1]}, "label -1: expected 0 to 61"),
        ({"x": [[0.5] * 784, [0.5] * 783]}, "783 pixels in x: expected 784"),
        ({"x": [[0.5] * 784, [float("nan")] * 784]}, "a pixel in x is not finite"),
        ({"x": [[0.5] * 784, [1e39] * 784]}, "a pixel in x is not finite"),
    ],
)
def test_a_bad_record_is_named(tmp_path, change, line):
    write(tmp_path, f0=writer(3), f1={**writer(2), **change})
    with pytest.raises(DataError) as caught:
        Femnist.prepare(train_dir=str(tmp_path))
    path = tmp_path / "all_data_0.json"
    assert str(caught.value) == f"{path}: user f1: record 1: {line}"
