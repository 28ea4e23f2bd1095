"""Reddit: words as numbers by LEAF's vocabulary, labels, refusals, and learning."""

import collections
import json
import pickle

import pytest
import torch

from decentralizepy.datasets.Reddit import RNN, Reddit
from decentralizepy.errors import DataError
from decentralizepy.mappings.Linear import Linear

PAD = "<PAD>"
WORDS = {PAD: 0, "<UNK>": 1, "a": 2, "b": 3, "c": 4, "d": 5}
VOCABULARY = {"vocab": WORDS, "size": 10_000, "unk_symbol": 1, "pad_symbol": 0}


def padded(text):
    words = text.split()
    return words + [PAD] * (10 - len(words))


def comment(*pairs):
    """Return one x and one y, of pairs of texts."""
    x = [padded(text) for text, _ in pairs]
    targets = [padded(text) for _, text in pairs]
    counts = [len(text.split()) for _, text in pairs]
    return x, {"target_tokens": targets, "count_tokens": counts}


@pytest.fixture
def root(tmp_path):
    """Return a folder with LEAF's layout: ``data/train``, ``data/test``, ``vocab``."""
    (tmp_path / "vocab").mkdir()
    save(tmp_path, VOCABULARY)
    return tmp_path


def save(root, vocabulary):
    (root / "vocab" / "reddit_vocab.pck").write_bytes(pickle.dumps(vocabulary))


def write(root, part="train", **users):
    folder = root / "data" / part
    folder.mkdir(parents=True, exist_ok=True)
    for name, comments in users.items():
        x, y = zip(*comments, strict=True)
        data = {"users": [name], "num_samples": [len(y)]}
        data["user_data"] = {name: {"x": x, "y": y}}
        (folder / f"{name}.json").write_text(json.dumps(data))
    return str(folder)


def node(rank=0, nodes=1, **options):
    return Reddit(rank, 0, Linear(1, nodes), **options)


def test_comments_become_sequences_and_the_word_after_them(root):
    folder = write(
        root,
        ann=[
            comment(("a b c d a b c d a b", "b c d a b c d a b c"), ("c d", "d a")),
            comment(("d zzz", "zzz c")),
        ],
    )
    x, y = node(train_dir=folder).trainset[[0, 1, 2]]
    assert (x.dtype, y.dtype) == (torch.int64, torch.int64)
    assert x.tolist() == [
        [2, 3, 4, 5, 2, 3, 4, 5, 2, 3],
        [4, 5, 0, 0, 0, 0, 0, 0, 0, 0],
        [5, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert y.tolist() == [4, 2, 4]


def test_a_sequence_without_a_label_is_left_out(root):
    folder = write(root, ann=[comment(("a", ""), ("b", "c"))], bob=[comment(("a", ""))])
    dataset = node(train_dir=folder)
    assert [y.tolist() for _, y in dataset.get_trainset(8)] == [[4]]
    assert dataset.get_client_ids() == ["ann"]


def test_a_word_that_is_unknown_can_be_a_label(root):
    _, y = node(train_dir=write(root, ann=[comment(("a", "zzz"))])).trainset[[0]]
    assert y.tolist() == [1]


def test_labels_are_counted(root):
    folder = write(root, ann=[comment(("a", "b"), ("b", "c"), ("d", "b"))])
    counts = node(train_dir=folder).get_label_distribution()
    assert len(counts) == 9999
    assert (counts[3], counts[4], sum(counts)) == (2, 1, 3)


def test_a_node_that_only_tests_finds_the_vocabulary(root):
    """A parameter server has no train_dir."""
    folder = write(root, "test", ann=[comment(("a", "d"))])
    assert node(test_dir=folder).testset[[0]][1].tolist() == [5]


def test_a_relative_folder_finds_the_vocabulary(root, monkeypatch):
    write(root, ann=[comment(("a", "d"))])
    monkeypatch.chdir(root / "data")
    assert node(train_dir="train").trainset[[0]][1].tolist() == [5]


def test_another_vocabulary_makes_the_arrays_anew(root):
    folder = write(root, ann=[comment(("a", "b"))])
    assert node(train_dir=folder).trainset[[0]][1].tolist() == [3]
    save(root, {**VOCABULARY, "vocab": {**WORDS, "b": 9998}})
    assert node(train_dir=folder).trainset[[0]][1].tolist() == [9998]


def test_a_missing_vocabulary_is_named(root):
    folder = write(root, ann=[comment(("a", "b"))])
    (root / "vocab" / "reddit_vocab.pck").unlink()
    with pytest.raises(DataError, match=r"train: expected .*/vocab/reddit_vocab.pck$"):
        Reddit.prepare(train_dir=folder)


def test_a_missing_folder_is_named_first(tmp_path):
    with pytest.raises(DataError, match="nowhere: not a folder with LEAF's"):
        Reddit.prepare(train_dir=str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"vocab": {**WORDS, "e": 9999}}, r"0 to 9999 \(size 10000\)"),
        ({"vocab": {**WORDS, "e": -1}}, r"-1 to 5 \(size 10000\)"),
        ({"size": 20_000}, r"0 to 5 \(size 20000\)"),
        ({"size": 5}, r"0 to 5 \(size 5\)"),
        ({"unk_symbol": 10_000}, r"0 to 10000 \(size 10000\)"),
    ],
)
def test_a_vocabulary_of_the_wrong_size_is_refused(root, change, found):
    """Such numbers have no vector in the network: torch's message names no file."""
    folder = write(root, ann=[comment(("a", "b"))])
    save(root, {**VOCABULARY, **change})
    expected = (
        rf"vocab.pck: a vocabulary of the wrong size: expected .*; found {found}$"
    )
    with pytest.raises(DataError, match=expected):
        Reddit.prepare(train_dir=folder)


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        WORDS,
        {**VOCABULARY, "vocab": {}},
        {**VOCABULARY, "vocab": ["a"]},
        {**VOCABULARY, "vocab": {"a": 2.0}},
        {**VOCABULARY, "vocab": {b"a": 2}},
        {**VOCABULARY, "vocab": {PAD: 3}},
        {**VOCABULARY, "size": "10000"},
        {**VOCABULARY, "unk_symbol": None},
        {**VOCABULARY, "pad_symbol": 1},
    ],
)
def test_what_is_no_vocabulary_is_refused(root, content):
    folder = write(root, ann=[comment(("a", "b"))])
    save(root, content)
    with pytest.raises(DataError, match=r"reddit_vocab.pck: expected \{'vocab': "):
        Reddit.prepare(train_dir=folder)


def test_a_vocabulary_can_name_no_class(root):
    folder = write(root, ann=[comment(("a", "b"))])
    save(root, collections.Counter("a"))
    with pytest.raises(
        DataError, match=r"damaged: collections.Counter is not expected"
    ):
        Reddit.prepare(train_dir=folder)


@pytest.mark.parametrize(
    ("x", "targets", "reason"),
    [
        ([["a"] * 9], [["b"]], "a sequence of 9 words in x: expected 10"),
        ([["a"] * 10], [], "1 sequences in x, 0 target_tokens: expected as many"),
    ],
)
def test_a_comment_of_another_shape_is_named(root, x, targets, reason):
    folder = write(root, ann=[comment(("a", "b")), (x, {"target_tokens": targets})])
    with pytest.raises(DataError, match=f"ann.json: user ann: record 1: {reason}"):
        Reddit.prepare(train_dir=folder)


def test_a_comment_without_targets_is_named(root):
    folder = write(root, ann=[([["a"] * 10], {"count_tokens": [1]})])
    with pytest.raises(DataError, match=r"ann.json: user ann: record 0: y\[target_tok"):
        Reddit.prepare(train_dir=folder)


@pytest.fixture
def one_thread():
    """Small steps of several threads wait for each other on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_the_network_learns_which_word_follows(root):
    pairs = [(" ".join(a * 10), f"{a} {b}") for a, b in ("ab", "bc", "cd", "da")]
    folder = write(root, ann=[comment(pair) for pair in pairs])
    dataset = node(train_dir=folder, test_dir=folder)
    torch.manual_seed(0)
    model, loss = RNN(), torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for _ in range(8):
        for x, y in dataset.get_trainset(4):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
    accuracy, _ = dataset.test(model, loss)
    assert accuracy == 100
