"""CIFAR10: the files as they are on disk, honest and hostile, and a node's view."""

import os
import pickle
import struct
from copy import deepcopy

import numpy as np
import pytest
import torch

from decentralizepy.datasets.CIFAR10 import (
    CIFAR10,
    CNN,
    FOLDER,
    BasicBlock,
    LeNet,
    ResNet8,
)
from decentralizepy.datasets.stand_in import cifar10
from decentralizepy.errors import DataError
from decentralizepy.mappings.Linear import Linear


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("cifar")
    cifar10.write(directory, train=203, test=40, seed=1)
    return directory


@pytest.fixture
def copy(tmp_path):
    cifar10.write(tmp_path, train=10, test=4, seed=1)
    return tmp_path


def node(folder, rank=0, nodes=4, **options):
    options = {"train_dir": str(folder), "test_dir": str(folder), **options}
    return CIFAR10(rank, 0, Linear(1, nodes), **options)


def test_images_are_those_of_the_files(folder):
    """Rows hold the red, then the green, then the blue plane."""
    with (folder / FOLDER / "data_batch_1").open("rb") as file:
        batch = pickle.load(file, encoding="bytes")
    x, y = node(folder, nodes=1).trainset[7]
    expected = batch[b"data"][7].reshape(3, 32, 32)
    assert torch.equal(((x + 1) * 127.5).round().int(), torch.tensor(expected).int())
    assert int(y) == batch[b"labels"][7]


def test_all_five_files_are_dealt_out(folder):
    assert len(node(folder, nodes=1).trainset) == 203
    assert [len(node(folder, rank).trainset) for rank in range(4)] == [50, 50, 50, 53]


def test_batches_are_channels_last(folder):
    x, y = next(iter(node(folder).get_trainset(8)))
    assert x.shape == (8, 3, 32, 32)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert y.dtype == torch.int64


def test_nodes_of_a_process_share_one_copy(folder):
    one, other = (node(folder, rank).trainset.data for rank in (0, 1))
    assert one.pixels.data_ptr() == other.pixels.data_ptr()


@pytest.mark.parametrize("kind", ["iid", "simple", "dirichlet", "kshard"])
def test_each_partition_trains_and_tests_in_percent(folder, kind):
    dataset = node(
        folder, partition_niid=kind, validation_source="Train", validation_size=0.1
    )
    torch.manual_seed(0)
    accuracy, loss = dataset.test(CNN(), torch.nn.CrossEntropyLoss())
    assert 0 <= accuracy <= 100
    assert loss == pytest.approx(np.log(10), rel=0.1), "an untrained network guesses"
    assert sum(dataset.get_label_distribution()) == len(dataset.trainset)


@pytest.mark.parametrize(
    ("model", "parameters", "state"),
    [
        (CNN, 62_006, 62_006),
        (LeNet, 89_834, 89_834),
        (ResNet8, 4_932_344, 4_937_729),
    ],
)
def test_models_have_the_published_sizes(model, parameters, state):
    made = model()
    assert made.count_params() == parameters
    assert len(made.get_weights()) == state
    assert made(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_basic_block_changes_shape_by_its_stride():
    block = BasicBlock(4, 6, stride=2)
    assert block(torch.zeros(1, 4, 8, 8)).shape == (1, 6, 4, 4)


def test_a_missing_folder_says_how_to_get_it(tmp_path):
    with pytest.raises(
        DataError, match=r"train_dir = .*: no folder cifar-10.*python download_dataset"
    ):
        CIFAR10.prepare(train_dir=str(tmp_path))


def test_a_missing_file_is_named(copy):
    (copy / FOLDER / "data_batch_3").unlink()
    with pytest.raises(DataError, match="data_batch_3: cannot be read: No such file"):
        CIFAR10.prepare(train_dir=str(copy))


@pytest.mark.parametrize("length", [0, 1, 100, 20_000])
def test_a_file_cut_short_is_damaged(copy, length):
    path = copy / FOLDER / "data_batch_1"
    path.write_bytes(make_large(30)[:length])
    with pytest.raises(DataError, match="data_batch_1: damaged"):
        CIFAR10.prepare(train_dir=str(copy))


def make_large(rows):
    return pickle.dumps({b"data": np.zeros((rows, 3072), np.uint8), b"labels": []})


ROWS = np.zeros((2, 3072), np.uint8)


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {b"data": ROWS},
        {b"data": ROWS, b"labels": [1]},
        {b"data": ROWS, b"labels": [1, 10]},
        {b"data": ROWS, b"labels": [1, -1]},
        {b"data": ROWS, b"labels": [1, 2.0]},
        {b"data": ROWS.astype(np.float32), b"labels": [1, 2]},
        {b"data": ROWS[:, :3071], b"labels": [1, 2]},
        {b"data": ROWS.tobytes(), b"labels": [1, 2]},
    ],
)
def test_files_with_other_content_are_refused(copy, content):
    (copy / FOLDER / "test_batch").write_bytes(pickle.dumps(content, protocol=4))
    with pytest.raises(DataError, match="test_batch: expected `data`, rows of 3072"):
        CIFAR10.prepare(test_dir=str(copy))


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_pickle_is_not_executed(copy, protocol, monkeypatch):
    monkeypatch.chdir(copy)
    batch = {b"data": ROWS, b"labels": [1, Hostile()]}
    path = copy / FOLDER / "test_batch"
    path.write_bytes(pickle.dumps(batch, protocol=protocol))
    with pytest.raises(DataError, match=r"test_batch: damaged: .* is not expected"):
        CIFAR10.prepare(test_dir=str(copy))
    assert not (copy / "pwned").exists()


def python2_pickle(rows):
    """Return what Python 2 wrote for ``{"data": rows, "labels": [3, 4]}``."""
    raw = rows.tobytes()
    return b"".join(
        [
            b"\x80\x02}(U\x04data",
            b"cnumpy.core.multiarray\n_reconstruct\n",
            b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R",
            b"(K\x01K\x02M\x00\x0c\x86",
            b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R",
            b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
            b"\x89T" + struct.pack("<i", len(raw)) + raw + b"tb",
            b"U\x06labels](K\x03K\x04eu.",
        ]
    )


def test_the_files_of_the_home_page_were_written_by_python_2(copy):
    rows = np.random.default_rng(0).integers(0, 256, (2, 3072), dtype=np.uint8)
    (copy / FOLDER / "test_batch").write_bytes(python2_pickle(rows))
    testset = node(copy, train_dir="").testset
    assert testset.targets.tolist() == [3, 4]
    x, _ = testset[1]
    pixels = ((x + 1) * 127.5).round().to(torch.uint8).flatten().numpy()
    assert pixels.tobytes() == rows[1].tobytes()


def test_attentions_are_the_maps_of_grad_cam():
    torch.manual_seed(0)
    model = ResNet8(num_classes=3).eval()
    logits = model(torch.rand(2, 3, 32, 32))
    maps = model.get_attentions()
    assert maps.shape == (2, 3, 8, 8)
    assert model.flatten_feat.shape == (2, 2048)
    for label in range(3):
        (gradient,) = torch.autograd.grad(
            logits[:, label].sum(), model.inner, retain_graph=True
        )
        weights = gradient.mean((2, 3), keepdim=True)
        expected = (weights * model.inner).sum(1).relu()
        assert torch.allclose(maps[:, label], expected, atol=1e-7)
    copied = deepcopy(model)  # although what it keeps has a graph
    assert copied.state_dict().keys() == model.state_dict().keys()
