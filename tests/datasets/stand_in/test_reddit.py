"""The stand-in for Reddit: sequences and vocabulary, and that it can be learned."""

import pickle
from collections import Counter, defaultdict

import pytest

from decentralizepy.datasets.stand_in import reddit
from tests.support.stand_ins import majority, samples, users


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("reddit")
    reddit.write(directory, users=40)
    return directory


@pytest.fixture(scope="module")
def vocabulary(folder):
    path = folder / "data/train/../../vocab/reddit_vocab.pck"  # where it is looked for
    return pickle.loads(path.read_bytes())


def flat(folder):
    """Return, of every sequence, its last word and the word that follows."""
    pairs = []
    for sequences, of in zip(*samples(folder), strict=True):
        for x, y in zip(sequences, of["target_tokens"], strict=True):
            length = 10 - x.count("<PAD>")
            pairs.append((x[length - 1], y[length - 1]))
    return pairs


def test_the_vocabulary_has_its_four_entries(vocabulary):
    assert list(vocabulary) == ["vocab", "size", "unk_symbol", "pad_symbol"]
    ids = vocabulary["vocab"]
    assert sorted(ids.values()) == list(range(9999))
    assert (ids["<PAD>"], vocabulary["pad_symbol"]) == (0, 0)
    assert (ids["<UNK>"], vocabulary["unk_symbol"]) == (1, 1)
    assert vocabulary["size"] == 10_000


def test_a_comment_is_sequences_of_ten_and_the_same_shifted(folder, vocabulary):
    comments = zip(*samples(folder / "data/train"), strict=True)
    for sequences, target in comments:
        assert list(target) == ["target_tokens", "count_tokens"]
        assert {len(each) for each in sequences + target["target_tokens"]} == {10}
        x = [token for each in sequences for token in each]
        y = [token for each in target["target_tokens"] for token in each]
        length = len(x) - x.count("<PAD>")
        assert (x[0], y[length - 1]) == ("<BOS>", "<EOS>")
        assert x[1:length] == y[: length - 1]
        assert set(x[length:] + y[length:]) <= {"<PAD>"}
        assert set(x + y) <= set(vocabulary["vocab"])


def test_the_last_word_foretells_the_next(folder):
    follows = defaultdict(Counter)
    train, test = flat(folder / "data/train"), flat(folder / "data/test")
    for word, label in train:
        follows[word][label] += 1
    right = sum(
        bool(follows[word]) and follows[word].most_common(1)[0][0] == label
        for word, label in test
    )
    labels, truth = ([label for _, label in pairs] for pairs in (train, test))
    assert right / len(test) > majority(labels, truth) + 0.2


def test_users_say_different_things(folder):
    counts = [
        Counter(token for comment in of["x"] for each in comment for token in each)
        for of in users(folder / "data/train").values()
    ]
    favourites = {count.most_common(5)[-1][0] for count in counts}
    assert len(favourites) > 5
