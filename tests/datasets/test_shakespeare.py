"""Shakespeare: characters as numbers, records that are refused, and learning."""

import json
from pathlib import Path

import pytest
import torch

from decentralizepy.datasets.Shakespeare import ALPHABET, LSTM, UNKNOWN, Shakespeare
from decentralizepy.errors import DataError
from decentralizepy.mappings.Linear import Linear

LEAF = (
    "\n !\"&'(),-.0123456789:;>?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]"
    "abcdefghijklmnopqrstuvwxyz}"
)
TEXT = (
    "The quality of mercy is not strain'd; it droppeth as the gentle rain from heaven"
)


def write(folder, **users):
    """Write a file for each user, of (x, y) pairs."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pairs in users.items():
        x, y = zip(*pairs, strict=True)
        data = {"users": [name], "num_samples": [len(y)]}
        data["user_data"] = {name: {"x": x, "y": y}}
        (folder / f"{name}.json").write_text(json.dumps(data))
    return str(folder)


def node(rank=0, nodes=1, **options):
    return Shakespeare(rank, 0, Linear(1, nodes), **options)


def test_every_character_of_leaf_has_a_number_of_its_own():
    assert len(LEAF) == 80
    assert set(LEAF) | set("\r{}<>") <= set(ALPHABET)
    assert len(set(ALPHABET)) == len(ALPHABET) == UNKNOWN == 90


def test_a_sample_is_the_numbers_of_its_characters(tmp_path):
    folder = write(tmp_path, LEAR_FOOL=[(TEXT, "}"), ("\n" * 80, "T")])
    dataset = node(train_dir=folder)
    x, y = dataset.trainset[[0, 1]]
    assert (x.dtype, y.dtype, x.shape) == (torch.int64, torch.int64, (2, 80))
    assert "".join(ALPHABET[number] for number in x[0].tolist()) == TEXT
    assert x[1].tolist() == [0] * 80
    assert [ALPHABET[number] for number in y.tolist()] == ["}", "T"]


def test_the_share_of_unknown_characters_is_told(tmp_path):
    """Three of 160: breaks when a text of another alphabet is trained on in silence."""
    pairs = [("\u00e9" * 3 + TEXT[3:], "a"), (TEXT, "b")]
    folder = write(tmp_path / "train", hamlet=pairs)
    (remark,) = node(train_dir=folder).remarks()
    assert remark == (f"{folder}: 1.88% of characters not in the alphabet", True)


@pytest.mark.parametrize("char", ["é", "~", "=", "\x7f", "\t", "\U0001f600"])
def test_a_character_outside_the_alphabet_is_unknown(tmp_path, char):
    """Characters beyond the basic plane must not count as two."""
    folder = write(tmp_path, A=[(char + TEXT[1:], char)])
    x, y = node(train_dir=folder).trainset[[0]]
    assert x[0, 0] == y[0] == UNKNOWN
    assert (x[0, 1:] < UNKNOWN).all()


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        (TEXT[1:], "a", "79 characters in x: expected 80"),
        (TEXT + "a", "a", "81 characters in x: expected 80"),
        (TEXT, "", "0 characters in y: expected 1"),
        (TEXT, "ab", "2 characters in y: expected 1"),
    ],
)
def test_a_sample_of_another_length_is_named(tmp_path, x, y, reason):
    folder = write(tmp_path, A=[(TEXT, "a"), (x, y)])
    with pytest.raises(DataError, match=rf"A.json: user A: record 1: {reason}"):
        Shakespeare.prepare(train_dir=folder)


def test_the_test_takes_every_thirtieth_sample(tmp_path):
    pairs = [(TEXT, ALPHABET[number % 90]) for number in range(61)]
    _, y = node(test_dir=write(tmp_path, A=pairs)).testset[[0, 1, 2]]
    assert y.tolist() == [0, 30, 60]


def test_roles_are_dealt_out_whole(tmp_path):
    folder = write(tmp_path, **{name: [(TEXT, name)] * 3 for name in "ABCD"})
    parts = [node(r, 2, train_dir=folder, partition_niid="users") for r in (0, 1)]
    clients = [part.get_client_ids() for part in parts]
    assert sorted(clients[0] + clients[1]) == list("ABCD")
    for part, names in zip(parts, clients, strict=True):
        counts = part.get_label_distribution()
        assert len(counts) == 92
        assert {ALPHABET[n] for n, count in enumerate(counts) if count} == set(names)


@pytest.fixture
def one_thread():
    """Small steps of several threads wait for each other on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_the_network_learns_which_letter_follows(tmp_path, monkeypatch):
    monkeypatch.setattr(Shakespeare, "test_stride", 1)
    letters = "abcdefgh"
    following = letters[1:] + letters[0]
    pairs = [(a * 80, b) for a, b in zip(letters, following, strict=True)]
    folder = write(tmp_path, A=pairs)
    dataset = node(train_dir=folder, test_dir=folder)
    torch.manual_seed(0)
    model, loss = LSTM(), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    for _ in range(4):
        for x, y in dataset.get_trainset(8):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
    accuracy, _ = dataset.test(model, loss)
    assert accuracy > 50, "12.5 is the majority"


REAL = Path(__file__).resolve().parent.parent / "data" / "cache" / "shakespeare"


@pytest.mark.dataset
@pytest.mark.skipif(not REAL.exists(), reason="bash tests/data/fetch.sh brings it")
def test_the_real_plays_are_dealt_out_by_role():
    folders = {
        name: str(REAL / name.split("_")[0]) for name in ("train_dir", "test_dir")
    }
    nodes = [node(rank, 8, partition_niid="users", **folders) for rank in range(8)]
    roles = [set(each.get_client_ids()) for each in nodes]
    assert sum(map(len, roles)) == len(set.union(*roles)) > 800
    assert "HAMLET_HAM" in set.union(*roles)
    assert sum(len(each.trainset) for each in nodes) > 150_000
    x, y = next(iter(nodes[0].get_trainset(16)))
    assert x.shape == (16, 80)
    assert {int(value) for value in x.flatten()} | set(y.tolist()) <= set(range(91))
    counts = nodes[0].get_label_distribution()
    assert max(range(92), key=counts.__getitem__) == ALPHABET.index(" ")
