"""Breaks when positional options reach the wrong parameters."""

import inspect

import pytest

from decentralizepy.config.order import in_order
from decentralizepy.config.signatures import Options


class Parent:
    def __init__(self, rank, alpha: float = 1.0, compress: bool = False):
        self.values = (rank, alpha, compress)


class Child(Parent):
    @in_order(1, "alpha wavelet compress")
    def __init__(self, *parts, wavelet: str = "haar", **options):
        super().__init__(*parts, **options)
        self.wavelet = wavelet


def test_options_by_position_go_by_the_order_that_is_stated():
    child = Child(3, 0.5, "sym2", True)
    assert (child.values, child.wavelet) == ((3, 0.5, True), "sym2")


def test_options_by_keyword_and_defaults_stay_as_they_are():
    child = Child(rank=3, wavelet="sym2")
    assert (child.values, child.wavelet) == ((3, 1.0, False), "sym2")
    assert Child(3, 0.5, compress=True).values == (3, 0.5, True)


def test_too_many_arguments_are_refused_with_both_numbers():
    with pytest.raises(TypeError, match=r"Child\(\) takes at most 4 .* but 5 were"):
        Child(3, 0.5, "sym2", True, None)


def test_an_option_given_twice_is_refused():
    with pytest.raises(TypeError, match="multiple values for keyword argument 'alpha'"):
        Child(3, 0.5, alpha=0.1)


def test_the_options_are_those_of_the_class_and_of_its_parent():
    assert list(inspect.signature(Child).parameters) == ["parts", "wavelet", "options"]
    options = Options.of(Child, 1)
    assert list(options.known) == ["wavelet", "alpha", "compress"]
