"""The stand-in for Shakespeare: windows of text, and that it can be learned."""

import string
from collections import Counter, defaultdict

import pytest

from decentralizepy.datasets.stand_in import shakespeare
from tests.support.stand_ins import majority, samples, users


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("shakespeare")
    shakespeare.write(directory)
    return directory


def test_samples_are_80_characters_and_the_next(folder):
    x, y = samples(folder / "train")
    assert {len(text) for text in x} == {80}
    assert {len(character) for character in y} == {1}
    assert set("".join(x + y)) <= set(string.ascii_letters + " .,;?!")
    assert x[0][7:] + y[0] == (x[1] + y[1])[:74]  # the stride is 7


def test_users_are_roles_of_plays_with_words_of_their_own(folder):
    found = users(folder / "train")
    assert "THE_SALT_TIDE_QUEEN" in found
    texts = [" ".join(of["x"]) for of in found.values()]
    assert 2 < sum("crown" in text for text in texts) < 20


def test_two_characters_foretell_the_next(folder):
    (x, y), (tests, truth) = samples(folder / "train"), samples(folder / "test")
    follows = defaultdict(Counter)
    for text, label in zip(x, y, strict=True):
        follows[text[-2:]][label] += 1
    guesses = [
        max(follows[text[-2:]] or " ", key=follows[text[-2:]].get) for text in tests
    ]
    right = sum(guess == label for guess, label in zip(guesses, truth, strict=True))
    assert right / len(truth) > majority(y, truth) + 0.2


def test_no_test_sample_overlaps_with_a_training_sample(folder):
    """They are of texts that were drawn apart; a copied one would be found in whole."""
    train = users(folder / "train")
    for name, of in users(folder / "test").items():
        assert not set(of["x"]) & set(train[name]["x"])
