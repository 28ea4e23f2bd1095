"""Breaks when ``--set`` sets another value, or blames the INI file for its mistakes."""

import pytest

from decentralizepy.config.assignments import blamed, override
from decentralizepy.errors import ConfigError, Problem


def test_set_wins_over_the_file_and_is_typed():
    sections = {"SHARING": {"alpha": 0.1}}
    override(sections, ["SHARING.Alpha = 0.5", "A.node=KNN", "RUN.note=a=b"])
    assert sections == {
        "SHARING": {"alpha": 0.5},
        "A": {"node": "KNN"},
        "RUN": {"note": "a=b"},
    }


@pytest.mark.parametrize("word", ["alpha=1", "SHARING.alpha", ".a=1", "S.=1", ""])
def test_set_in_another_form_is_refused(word):
    with pytest.raises(ConfigError, match=r"--set .*: expected SECTION.key=value"):
        override({}, [word])


def test_a_misspelt_section_is_told():
    with pytest.raises(ConfigError) as caught:
        override({"SHARING": {}}, ["SHRING.alpha=1"])
    line = "--set: section [SHRING] is unknown; did you mean [SHARING]?"
    assert str(caught.value) == line
    config = {"SHRING": {}}
    override(config, ["SHRING.alpha=1"])  # the user's own
    assert config == {"SHRING": {"alpha": 1}}


SHARING = {
    "sharing_package": "decentralizepy.sharing.Sharing",
    "sharing_class": "Sharing",
}


@pytest.mark.parametrize(
    ("word", "package"),
    [
        ("SHARING.sharing_class=PartialModel", "PartialModel"),
        ("SHARING.sharing_class=JWINS", "JWINS.JWINS"),
        ("SHARING.sharing_class=PartialModl", "PartialModel"),  # told of its class
        ("SHARING.sharing_class=MyIdea", "Sharing"),
    ],
)
def test_the_package_of_our_own_class_follows(word, package):
    sections = {"SHARING": dict(SHARING)}
    override(sections, [word])
    expected = f"decentralizepy.sharing.{package}"
    assert sections["SHARING"]["sharing_package"] == expected


def test_a_package_that_is_given_or_the_users_own_is_kept():
    sections = {"SHARING": dict(SHARING), "NODE": {"node_package": "mine"}}
    words = ["SHARING.sharing_class=Choco", "SHARING.sharing_package=theirs"]
    override(sections, [*words, "NODE.node_class=KNN"])
    assert sections["SHARING"]["sharing_package"] == "theirs"
    assert sections["NODE"] == {"node_package": "mine", "node_class": "KNN"}


def test_a_mistake_in_an_assignment_is_not_the_files():
    mine = Problem("no", file="c.ini", section="SHARING", key="alpha")
    other = Problem("no", file="c.ini", section="SHARING", key="seed")
    with pytest.raises(ConfigError) as caught, blamed(["SHARING.alpha=1"]):
        raise ConfigError(problems=[mine, other])
    assert [each.file for each in caught.value.problems] == ["--set", "c.ini"]
