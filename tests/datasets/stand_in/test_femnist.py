"""The stand-in for FEMNIST: LEAF's types, users who differ, and that it can be learned."""

import numpy as np
import pytest

from decentralizepy.datasets.stand_in import femnist
from tests.support.stand_ins import majority, samples, users


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("femnist")
    femnist.write(directory, writers=30, samples=60)
    return directory


def test_images_are_784_shares_of_white(folder):
    x, y = samples(folder / "train")
    assert {len(image) for image in x} == {784}
    assert {type(value) for value in x[0]} == {float}
    assert 0 <= min(map(min, x)) < 0.1
    assert max(map(max, x)) == 1.0
    levels = 255 * np.array(x)  # of grey, to four digits
    assert np.abs(levels - levels.round()).max() < 0.02
    assert {type(label) for label in y} == {int}
    assert set(y) == set(range(62))


def test_writers_use_characters_of_their_own(folder):
    counts = [
        np.bincount(of["y"], minlength=62) for of in users(folder / "train").values()
    ]
    assert np.mean([(count > 0).sum() for count in counts]) < 35
    assert sum(count[:10].sum() for count in counts) > 0.3 * np.sum(counts)


def test_writers_have_a_hand_of_their_own(folder):
    """Ink differs more between writers than chance would make it."""
    inks = [
        [1 - np.mean(image) for image in of["x"]]
        for of in users(folder / "train").values()
    ]
    within = np.mean([np.std(ink) for ink in inks])
    assert np.std([np.mean(ink) for ink in inks]) > within / 2


def test_class_means_beat_the_majority(folder):
    (x, y), (tests, truth) = samples(folder / "train"), samples(folder / "test")
    x, labels, tests = np.array(x), np.array(y), np.array(tests)
    means = np.array([x[labels == each].mean(0) for each in range(62)])
    nearest = ((tests[:, np.newaxis] - means) ** 2).sum(-1).argmin(1)
    assert np.mean(nearest == truth) > majority(y, truth) + 0.1
