"""LEAF data as a node sees them: who gets what, and at which cost."""

import os
import random
from unittest.mock import patch

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given, strategies as st

from decentralizepy.datasets.leaf import cache, dataset as leaf_dataset
from decentralizepy.datasets.leaf.cache import CACHE, Records, User
from decentralizepy.datasets.leaf.dataset import PARTITIONS
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.mappings.Linear import Linear
from tests.support.leaf import Pairs, Toy, leaf, write


def node(rank=0, nodes=2, **options):
    return Toy(rank, 0, Linear(1, nodes), **options)


@pytest.fixture
def folder(tmp_path):
    """Three files with the users a, b and c of 3, 2 and 1 samples, d of 2, and e of 4."""
    write(
        tmp_path,
        one=leaf(a=[0, 1, 2], b=[1, 1], c=[2]),
        two=leaf(d=[0, 0]),
        two_more=leaf(e=[0, 1, 2, 2]),
    )
    return str(tmp_path)


def records(files):
    """Return records of files that are lists of users, each a number of samples."""
    users, stop = [], 0
    for file, counts in enumerate(files):
        for count in counts:
            users.append(User(f"u{len(users)}", file, stop, stop + count))
            stop += count
    names = [f"{number:03}.json" for number in range(len(files))]
    return Records(np.arange(stop), np.zeros(stop, np.int64), users, names)


def parts(found, nodes, **options):
    """Return the places of the samples of each node."""
    with patch.object(leaf_dataset, "open_records", return_value=found):
        made = [node(rank, nodes, train_dir="x", **options) for rank in range(nodes)]
    return [each.trainset.index.tolist() for each in made]


FILES = st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=3), min_size=1)


@given(FILES, st.data(), st.integers(0, 2**31))
@pytest.mark.parametrize("kind", PARTITIONS)
def test_every_sample_is_some_one_nodes(kind, files, data, seed):
    """Breaks when a sample is lost, or trained on by two."""
    found = records(files)
    units = {
        "files": len(files),
        "users": len(found.users),
        "iid": len(found.y),
    }
    nodes = data.draw(st.integers(1, min(units[kind], 6)))
    dealt = parts(found, nodes, partition_niid=kind, random_seed=seed)
    assert sorted(place for part in dealt for place in part) == list(
        range(len(found.y))
    )
    assert all(dealt)


@given(FILES, st.integers(0, 2**31))
def test_a_file_or_a_user_stays_whole(files, seed):
    found = records(files)
    owner = {place: u for u in found.users for place in range(u.start, u.stop)}
    for kind, of in (("files", lambda u: u.file), ("users", lambda u: u.name)):
        nodes = min(3, len(files))
        dealt = parts(found, nodes, partition_niid=kind, random_seed=seed)
        owned = [{of(owner[place]) for place in part} for part in dealt]
        assert sum(map(len, owned)) == len(set().union(*owned)), kind


def test_files_are_dealt_out_as_decentralizepy_does():
    """Shuffled by name with ``random.Random``, then cut: results can be compared."""
    found = records([[1]] * 7)
    order = list(range(7))
    random.Random(1234).shuffle(order)
    assert order == [1, 2, 5, 4, 0, 3, 6], "the vector does not hang on this code"
    assert parts(found, 3) == [[1, 2], [5, 4], [0, 3, 6]]
    assert parts(found, 2, sizes=[0.3, 0.7]) == [[1, 2], [5, 4, 0, 3, 6]]


def test_users_and_samples_are_dealt_out_in_that_order_and_evenly():
    """DecentralizePy divides by file only: nobody's numbers depend on a large last part."""
    for kind, files in (("users", [[1] * 7]), ("iid", [[7]])):
        dealt = parts(records(files), 3, partition_niid=kind)
        assert dealt == [[1, 2, 5], [4, 0], [3, 6]]


def test_a_part_holds_the_samples_of_its_users(folder):
    made = [node(rank, 5, train_dir=folder, partition_niid="users") for rank in (0, 3)]
    assert [each.get_client_ids() for each in made] == [["b"], ["a"]]
    x, y = made[0].trainset[:]
    assert (x.tolist(), y.tolist()) == ([[1, 0], [1, 1]], [1, 1])
    assert y.dtype == torch.int64
    x, y = made[1].trainset[2]
    assert (x.tolist(), y.tolist()) == ([2, 2], 2)


def test_of_each_sample_the_user_is_known(folder):
    """DecentralizePy names a wrong user here: it never leaves the first."""
    dataset = node(0, 1, train_dir=folder)
    clients = [dataset.get_client_id(place) for place in range(12)]
    labels = [y.item() for _, y in dataset.get_trainset(1)]
    of = {"a": [0, 1, 2], "b": [1, 1], "c": [2], "d": [0, 0], "e": [0, 1, 2, 2]}
    for user, expected in of.items():
        found = [y for client, y in zip(clients, labels, strict=True) if client == user]
        assert found == expected
    assert dataset.get_client_ids() == list(of)


def test_labels_are_counted(folder):
    dataset = node(0, 1, train_dir=folder, test_dir=folder)
    assert dataset.get_label_distribution() == [4, 4, 4]


@pytest.mark.parametrize("source", ["Train", "Test"])
def test_the_validation_set_is_taken_from_its_source(folder, source):
    options = {"validation_source": source, "validation_size": 0.25}
    plain = node(0, 1, train_dir=folder, test_dir=folder)
    dataset = node(0, 1, train_dir=folder, test_dir=folder, **options)
    held = dataset.validationset.index.tolist()
    assert len(held) == 3
    rest, whole = (
        (each.trainset if source == "Train" else each.testset).index.tolist()
        for each in (dataset, plain)
    )
    assert [place for place in whole if place not in held] == rest
    assert dataset.__validating__
    _, y = next(iter(dataset.get_validationset()))
    assert len(y) == 3


def test_a_validation_set_without_a_sample_is_told(folder):
    with pytest.raises(DataError) as caught:
        node(0, 1, train_dir=folder, validation_source="Train", validation_size=0.08)
    assert str(caught.value) == (
        "[DATASET] validation_size = 0.08: leaves none of the 12 samples of node 0 for validation"
    )


def test_without_a_source_nothing_is_held_out(folder):
    dataset = node(0, 1, train_dir=folder, validation_size=0.25)
    assert not dataset.__validating__
    assert len(dataset.trainset) == 12


def test_every_so_manieth_sample_is_tested_on(folder):
    class Sparse(Toy):
        test_stride = 5

    dataset = Sparse(0, 0, Linear(1, 1), test_dir=folder)
    assert dataset.testset.index.tolist() == [0, 5, 10]


def test_a_service_has_a_test_set_but_no_part(folder):
    server = node(-1, 2, train_dir=folder, test_dir=folder)
    assert not server.__training__
    assert len(server.testset) == 12
    with pytest.raises(RuntimeError, match="no training set"):
        server.get_trainset()


def test_a_batch_is_converted_and_can_be_changed(folder):
    class Negative(Toy):
        def convert(self, x):
            return -x

    dataset = Negative(0, 0, Linear(1, 1), train_dir=folder)
    x, _ = next(iter(dataset.get_trainset(12)))
    assert x.min() == -3
    plain = node(0, 1, train_dir=folder)
    x, _ = next(iter(plain.get_trainset(12)))
    x.zero_()
    assert plain.trainset[:][0].max() == 3, "a model cannot spoil the data"


def test_after_prepare_a_node_reads_no_json(folder, monkeypatch):
    Toy.prepare(train_dir=folder, test_dir=folder, random_seed=5)
    monkeypatch.setattr(cache, "read_encoded", None)
    assert len(node(0, 2, train_dir=folder, test_dir=folder).trainset)


def test_too_few_files_are_told_with_what_would_do(folder):
    with pytest.raises(DataError) as caught:
        node(0, 5, train_dir=folder)
    assert str(caught.value) == (
        f"[DATASET] train_dir = {folder}: 3 files with 5 users and 12 samples cannot be "
        "distributed to 5 nodes by partition_niid = files; partition_niid = users splits "
        "by user"
    )
    with pytest.raises(DataError, match=r"to 6 nodes by partition_niid = users$"):
        node(0, 6, train_dir=folder, partition_niid="users")
    with pytest.raises(DataError, match=r"to 6 nodes by partition_niid = files$"):
        node(0, 6, train_dir=folder)


def test_an_empty_part_is_told(tmp_path):
    write(tmp_path, a=leaf(a=[0], b=[]))
    texts = []
    for rank in (0, 1):
        try:
            node(rank, 2, train_dir=str(tmp_path), partition_niid="users")
        except DataError as error:
            texts.append(str(error).replace(str(tmp_path), "DIR"))
    assert texts == [
        "node 1 gets no training samples of DIR: expected fewer than 2 nodes or other "
        "sizes"
    ]


def test_options_are_checked(folder):
    with pytest.raises(ConfigError, match=r"= user: expected .* did you mean users\?"):
        node(train_dir=folder, partition_niid="user")
    with pytest.raises(ConfigError, match=r"validation_source = test: .* mean Test\?"):
        node(train_dir=folder, validation_source="test", validation_size=0.5)


class Large(Toy):
    """A hundred megabytes: 100 kB for each sample."""

    def codec(self):
        codec = Pairs()
        codec.encode = lambda x, y: (np.ones((len(x), 25_000), np.float32), np.array(y))
        return codec


def test_the_memory_of_a_node_does_not_grow_with_the_set(tmp_path):
    """Breaks when a node reads what is not its own."""
    write(tmp_path, **{f"{n}": leaf(**{f"user{n}": [0] * 100}) for n in range(10)})
    options = {"train_dir": str(tmp_path)}
    Large.prepare(**options)
    stored = sum(path.stat().st_size for path in (tmp_path / CACHE).rglob("x"))
    assert stored == 100_000_000
    process = psutil.Process(os.getpid())
    before = process.memory_full_info().uss
    dataset = Large(0, 0, Linear(1, 10), **options)
    for x, _ in dataset.get_trainset(5, shuffle=True):
        assert x.sum() == 5 * 25_000
    assert dataset.get_label_distribution() == [100, 0, 0]
    assert process.memory_full_info().uss - before < 25_000_000
