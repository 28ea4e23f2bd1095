"""Users who are tested on what they train on are noticed; others are not."""

from decentralizepy.datasets.leaf.cache import open_records
from decentralizepy.datasets.leaf.overlap import copied_users
from decentralizepy.mappings.Linear import Linear
from tests.support.leaf import Pairs, Toy, leaf, write


def found(folder, train, test):
    write(folder / "train", a=leaf(**train))
    write(folder / "test", a=leaf(**test))
    records = [open_records(str(folder / name), Pairs()) for name in ("train", "test")]
    return copied_users(*records)


def test_a_user_whose_test_is_part_of_its_training_is_named(tmp_path):
    train = {"eve": [0, 1, 2, 0], "bob": [1, 1, 1], "zoe": [2]}
    test = {"eve": [0, 1, 2], "bob": [1, 1, 2], "amy": [1, 1, 1]}
    assert found(tmp_path, train, test) == ["eve"]


def test_two_samples_that_recur_are_no_copy(tmp_path):
    assert found(tmp_path, {"eve": [0, 1, 2]}, {"eve": [0, 1]}) == []


def test_the_data_set_says_so(tmp_path):
    everybody = {name: [0, 1, 2] for name in ("amy", "bob", "eve", "zoe")}
    assert found(tmp_path, everybody, {"eve": [1, 1, 1]}) == []
    write(tmp_path / "test", a=leaf(**everybody))
    folders = {"train_dir": str(tmp_path / "train"), "test_dir": str(tmp_path / "test")}
    (remark,) = Toy(0, 0, Linear(1, 1), **folders).remarks()
    told = f"{tmp_path}/test: 4 of 4 users are tested on their own training samples"
    assert remark == (f"{told}: amy, bob, eve, ...", False)
