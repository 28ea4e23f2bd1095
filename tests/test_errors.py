"""The hint for a misspelt name."""

import pytest

from decentralizepy.errors import did_you_mean, nearest


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("alhpa", "alpha"),
        ("ALPHA", "alpha"),
        ("cifar10", "CIFAR10"),
        ("CIFAR100", "CIFAR10"),
        ("zzz", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_found_whatever_its_case(word, name):
    assert nearest(word, ["alpha", "CIFAR10", "level"]) == name


def test_likeness_below_the_cutoff_is_none():
    assert nearest("dataset_class", ["dataset_package"], cutoff=0.85) is None


def test_a_hint_ends_a_message_or_is_empty():
    assert did_you_mean("RUNS", ["RUN"], "[{}]") == "; did you mean [RUN]?"
    assert did_you_mean("zzz", ["RUN"]) == ""
