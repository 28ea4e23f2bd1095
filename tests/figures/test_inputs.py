"""Breaks when a figure is drawn from other files or numbers than there are."""

import math

import pytest

from decentralizepy.errors import DataError
from decentralizepy.figures.inputs import numbered, read_json, vector


def test_files_are_found_by_number(tmp_path):
    """By name, 10 would come before 9, and upstream's order was the disk's."""
    for name in (
        "10_x.json",
        "9_x.json",
        "a_x.json",
        "_x.json",
        "9_y.json",
        "²_x.json",
    ):
        (tmp_path / name).touch()
    found = numbered(tmp_path, "_x.json")
    assert list(found) == [9, 10]
    assert found[9].name == "9_x.json"


def test_complex_numbers_become_their_magnitudes():
    assert list(vector("f", [[3, 4], [0, -2]], "")) == [5, 2]


@pytest.mark.parametrize(
    "numbers", [None, [], ["x"], [[1, 2, 3]], [[1], [2, 3]], 4, {}]
)
def test_what_is_no_vector_is_named(numbers):
    with pytest.raises(DataError, match=r"^f: expected a list$"):
        vector("f", numbers, "a list")


def test_numbers_that_are_not_finite_are_read(tmp_path):
    """A model that diverged is what a user looks at such pictures for."""
    (tmp_path / "a.json").write_text("[NaN, Infinity]")
    read = vector("f", read_json(tmp_path / "a.json"), "")
    assert math.isnan(read[0])
    assert read[1] == math.inf
