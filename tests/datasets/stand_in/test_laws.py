"""What holds for every stand-in; breaks when one is not marked, or not the same again."""

import importlib

import pytest

from decentralizepy.datasets.generated import MARK, is_generated
from decentralizepy.errors import DataError
from tests.support.stand_ins import files, users

SMALL = {
    "cifar10": {"train": 12, "test": 3},
    "femnist": {"writers": 3, "samples": 10, "per_file": 2},
    "celeba": {"persons": 3, "images": 6, "per_file": 2, "side": 20},
    "reddit": {"users": 3, "comments": 5, "per_file": 2},
    "shakespeare": {"roles": 3, "samples": 10, "per_file": 2},
    "movielens": {"users": 5, "movies": 60, "ratings": 25},
}
DIRECTORIES = {  # what an INI file names, below the folder that is written to
    "cifar10": ["."],
    "femnist": ["train", "test"],
    "celeba": ["train", "test"],
    "reddit": ["data/train", "data/test"],
    "shakespeare": ["train", "test"],
    "movielens": ["."],
}
LEAF = [name for name, folders in DIRECTORIES.items() if len(folders) == 2]
every = pytest.mark.parametrize("name", SMALL)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a small stand-in, and returns where."""

    def write(name, folder="a", seed=1):
        module = importlib.import_module(f"decentralizepy.datasets.stand_in.{name}")
        module.write(tmp_path / folder, seed=seed, **SMALL[name])
        return tmp_path / folder

    return write


@every
def test_a_seed_decides_every_byte(write, name):
    first, second, other = (
        files(write(name, folder, seed))
        for folder, seed in [("a", 1), ("b", 1), ("c", 2)]
    )
    assert first == second
    assert first.keys() == other.keys() or name == "celeba"  # other numbers of images
    assert first != other


@every
def test_what_an_ini_file_names_is_marked(write, name):
    folder = write(name)
    assert all(is_generated(folder / below) for below in DIRECTORIES[name])
    assert not any(path.startswith(".") for path in files(folder))


@every
def test_a_second_one_takes_the_place_of_the_first(write, name):
    write(name, seed=1)
    assert files(write(name, seed=2)) == files(write(name, "b", seed=2))


@every
def test_real_data_are_never_replaced(write, name, tmp_path):
    folder = write(name)
    marks = sorted(folder.rglob(MARK))
    marks[0].unlink()
    before = files(folder)
    with pytest.raises(
        DataError, match=rf"{marks[0].parent}: already exists and is not"
    ):
        write(name, seed=2)
    assert files(folder) == before


@pytest.mark.parametrize("name", LEAF)
def test_leaf_users_are_the_same_in_training_and_test(write, name):
    folder = write(name)
    train, test = (users(folder / below) for below in DIRECTORIES[name])
    assert list(train) == list(test)
    assert len(train) == 3
    assert all(len(train[user]["y"]) >= len(test[user]["y"]) > 0 for user in train)
    assert len(list((folder / DIRECTORIES[name][0]).glob("*.json"))) == 2
