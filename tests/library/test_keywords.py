"""Breaks when a keyword argument of the library is not the flag or ``--set`` it stands for."""

import pytest

from decentralizepy.errors import ConfigError
from decentralizepy.library.keywords import chosen
from decentralizepy.sharing.PartialModel import PartialModel


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "a.ini"
    file.write_text("[SHARING]\nalpha = 0.5\n[MINE]\nx = 1\n")
    return str(file)


def test_sections_are_settings_and_the_rest_are_flags(path):
    given = {
        "sharing": {"alpha": 0.1, "compress": True, "save_shared": None},
        "mine": {"x": [1, 2]},
        "iterations": 3,
        "procs_per_machine": [2, 3],
        "engine": None,
    }
    found = chosen(path, given)
    assert sorted(found.pop("set")) == [
        "MINE.x=[1, 2]",
        "SHARING.alpha=0.1",
        "SHARING.compress=true",
        "SHARING.save_shared=none",
    ]
    flags = {"iterations": 3, "procs_per_machine": [2, 3]}
    assert found == {"config_file": path, **flags}


def test_a_class_is_named_with_its_module(path):
    found = chosen(path, {"sharing": {"sharing_class": PartialModel}})
    assert found["set"] == [
        "SHARING.sharing_package=decentralizepy.sharing.PartialModel",
        "SHARING.sharing_class=PartialModel",
    ]


MISTAKES = {
    "section": ({"sharin": {}}, "sharin: no such section or flag; did you mean sharing?"),
    "flag": ({"itrations": 3}, "itrations: no such section or flag; did you mean iterat"),
    "value": ({"iterations": 0}, "iterations = 0: expected a whole number from 1 up"),
    "no dict": ({"sharing": "JWINS"}, "sharing = JWINS: expected a dict of the keys of [S"),
    "a dict": ({"iterations": {}}, "iterations = {}: a flag, not a section"),
    "machines": ({"rendezvous": "h:1"}, "rendezvous: no such flag"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "line"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line(path, given, line):
    with pytest.raises(ConfigError) as error:
        chosen(path, given)
    assert str(error.value).startswith(line)
    assert len(str(error.value).splitlines()) == 1
