"""The stand-in for CIFAR-10: its sizes, and the same from the same seed."""

import pickle

from benchmarks import make_cifar


def files(directory):
    return {path.name: path.read_bytes() for path in directory.glob("*/*")}


def test_a_seed_decides_every_byte(tmp_path):
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        make_cifar.write(tmp_path / name, train=12, test=3, seed=seed)
    assert files(tmp_path / "a") == files(tmp_path / "b") != files(tmp_path / "c")


def test_all_images_asked_for_are_there(tmp_path):
    make_cifar.write(tmp_path, train=12, test=3, seed=1)
    batches = {name: pickle.loads(raw) for name, raw in files(tmp_path).items()}
    assert batches.pop("batches.meta")[b"label_names"][0] == b"pattern 0"
    shapes = {name: batch[b"data"].shape for name, batch in batches.items()}
    assert shapes.pop("test_batch") == (3, 3072)
    assert len(shapes) == 5
    assert sum(rows for rows, _ in shapes.values()) == 12
