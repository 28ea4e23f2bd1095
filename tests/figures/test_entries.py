"""Values by entry; breaks when a picture hides an entry, or names the wrong tensor."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from matplotlib.figure import Figure

from decentralizepy.figures.entries import draw_entries, entries, mark_tensors


def drawn(values):
    axes = Figure().add_subplot()
    draw_entries(axes, np.array(values, float))
    return axes


def test_few_values_are_drawn_one_by_one():
    (line,) = drawn([3, -1, 2]).lines
    assert line.get_xdata().tolist() == [0, 1, 2]
    assert line.get_ydata().tolist() == [3, -1, 2]


@given(st.integers(401, 3000), st.integers(0, 400), st.floats(-9, 9))
def test_the_band_holds_every_value_and_the_line_their_mean(size, place, value):
    values = np.linspace(0, 1, size)
    values[place] = value
    axes = drawn(values)
    low, high = axes.dataLim.ymin, axes.dataLim.ymax
    assert (low, high) == pytest.approx((values.min(), values.max()))
    (line,) = axes.lines
    assert len(line.get_xdata()) == 400
    x = line.get_xdata()
    assert 0 <= x[0] <= x[-1] <= size - 1


def test_points_are_means_of_entries_in_a_row():
    """Of 800 values 0, 1, 0, 1 ... each of the 400 points is the mean of two."""
    axes = drawn(np.arange(800) % 2)
    (line,) = axes.lines
    assert set(line.get_ydata()) == {0.5}
    assert "mean of 2 entries" in axes.get_title("left")


def test_tensors_are_marked_where_they_begin():
    axes = Figure().add_subplot()
    mark_tensors(axes, {"a": [2, 30], "b": [4], "c": [36], "scalar": []})
    borders = [line.get_xdata()[0] for line in axes.lines]
    assert borders == [59.5, 63.5, 99.5]
    names = [(text.get_text(), text.xy[0]) for text in axes.texts]
    assert names == [("a", 30), ("c", 82)]  # b is too narrow for its name


def test_a_scalar_is_one_entry():
    assert entries({"a": [2, 3], "b": []}) == 7
