"""The mark of generated data; breaks when results on them could pass for real ones."""

import pytest

from decentralizepy.datasets.generated import MARK, is_generated, mark


def test_a_mark_says_so_and_from_which_seed(tmp_path):
    mark(tmp_path, seed=7)
    (line,) = (tmp_path / MARK).read_text().splitlines()
    assert line.startswith("These data are generated, by decentralizepy ")
    assert "from seed 7" in line


@pytest.mark.parametrize(("below", "found"), [(".", True), ("a", True), ("a/b", False)])
def test_a_mark_counts_beside_the_files_or_in_the_folder_of_them(
    tmp_path, below, found
):
    """CIFAR-10's train_dir holds cifar-10-batches-py, LEAF's the files themselves."""
    (tmp_path / below).mkdir(parents=True, exist_ok=True)
    assert not is_generated(tmp_path)
    mark(tmp_path / below, seed=1)
    assert is_generated(tmp_path) == found


def test_a_folder_that_is_not_there_is_not_generated(tmp_path):
    assert not is_generated(tmp_path / "missing")
