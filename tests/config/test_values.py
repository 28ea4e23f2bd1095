"""Whether a value fits: each row is a way in which an INI file can be wrong."""

from collections.abc import Callable
from inspect import Parameter
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from pydantic import Field

from decentralizepy.config.values import fitted, misfit
from decentralizepy.errors import shown

NO_FILE = ", which no INI file can hold"


def option(annotation, default=Parameter.empty):
    return Parameter(
        "it", Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 3),
        (float, 0.5),
        (float, 3),
        (float, float("nan")),
        (bool, False),
        (bool, 0),
        (bool, 1),
        (bool | None, 1),
        (str, "a"),
        (str, ""),
        (int | None, None),
        (str | bool, "iid"),
        (str | bool, True),
        (float | torch.Tensor, 0.1),
        (str | PathLike[str], "a"),
        (Path, "a"),
        (Path | None, "a"),
        (Literal["a", "b"], "b"),
        (Annotated[float, Field(gt=0)], 1),
        (Any, object()),
        (list["Nowhere"], 3),  # noqa: F821 - cannot be looked up, so anything fits
    ],
)
def test_what_fits(annotation, value):
    assert misfit(option(annotation), value) is None


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (int, "abc", "a whole number"),
        (int, 2.0, "a whole number"),
        (int, True, "a whole number"),
        (int, None, "a whole number"),
        (int, "", "a whole number"),
        (float, "abc", "a number"),
        (float, True, "a number"),
        (bool, 2, "true or false"),
        (bool, 1.0, "true or false"),
        (bool, "No thanks", "true or false"),
        (str, 5, "text"),
        (str, None, "text"),
        (int | float, "abc", "a whole number or a number"),
        (str | bool, 5, "text or true or false"),
        (int | None, "abc", "a whole number"),
        (float | torch.Tensor, "abc", "a number"),
        (torch.Tensor, 1, f"a Tensor{NO_FILE}"),
        (Callable[[int], int], "abs", f"a function{NO_FILE}"),
        (Path, 5, f"a Path{NO_FILE}"),
        (list[float], "[1]", "a valid list"),
        (Literal["a", "b"], "c", "a or b"),
        (Literal["", "a"], "c", "a"),
        (int | Literal[""], "abc", "a whole number"),
        (Annotated[float, Field(gt=0)], 0, "a number greater than 0"),
        (Annotated[int, Field(le=8)], 9, "a number less than or equal to 8"),
        (None, 1, "none"),
    ],
)
def test_what_does_not_fit_is_said_in_plain_words(annotation, value, expected):
    assert misfit(option(annotation), value) == expected


@pytest.mark.parametrize("annotation", [int, bool, float, int | str])
def test_empty_means_absent_where_the_default_is_empty_or_none(annotation):
    for default, expected in (("", True), (None, True), (1, annotation == int | str)):
        assert (misfit(option(annotation, default), "") is None) == expected


def test_none_is_text_where_it_is_a_choice():
    """An INI with ``security = none``, the default, was rejected."""
    choices = option(Literal["none", "mac"], "none")
    assert fitted(choices, None) == "none"
    assert fitted(option(str, ""), None) is None


def test_none_fits_where_it_is_the_default():
    assert misfit(option(int, None), None) is None
    assert misfit(option(int, ""), None) == "a whole number"


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (int | str, "abc", "a whole number"),
        (bool | str, "No thanks", "true or false"),
        (Annotated[int, Field(ge=1)] | str, "abc", "a whole number"),
        (str | list[float], "[0.5, 0.5]", None),
        (str, "abc", None),
    ],
)
def test_text_beside_a_number_only_stands_for_the_empty_default(
    annotation, value, expected
):
    assert misfit(option(annotation, ""), value) == expected


def test_a_default_that_cannot_be_compared_is_no_trouble():
    assert misfit(option(Any, np.zeros(2)), "") is None


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.none(), st.text()))
def test_a_value_fits_its_own_type(value):
    assert misfit(option(type(value)), value) is None


@given(st.booleans())
def test_a_bool_is_never_a_number(value):
    assert misfit(option(int), value)
    assert misfit(option(float), value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (None, "none"),
        (0.5, "0.5"),
        ("a\nb", "a\\nb"),
        ("x" * 201, "x" * 197 + "..."),
    ],
)
def test_a_value_is_shown_on_one_line_as_the_file_spells_it(value, text):
    assert shown(value) == text
