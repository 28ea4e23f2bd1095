"""The wording of errors, and the hint for a misspelt name."""

import pickle

import pytest

from decentralizepy.errors import (
    ConfigError,
    GraphError,
    NodeFailed,
    Problem,
    did_you_mean,
    located,
    nearest,
)

SENTENCES = [
    (Problem("no such file"), "no such file"),
    (Problem("no JSON", file="ip.json", line=3), "ip.json, line 3: no JSON"),
    (Problem("is missing", section="RUN"), "section [RUN] is missing"),
    (
        Problem("missing", file="c.ini", section="A", key="b"),
        "c.ini: [A] b: missing",
    ),
    (
        Problem(section="A", key="b", value=None, expected="a number"),
        "[A] b = none: expected a number",
    ),
    (
        Problem("no such class", key="b", value="Nett", suggestion="Net"),
        "b = Nett: no such class; did you mean Net?",
    ),
    (Problem("no such module", value="x.y"), "x.y: no such module"),
    (Problem("empty", value=""), ": empty"),
    (Problem("busy", key="--log_dir", value="log"), "--log_dir log: busy"),
]


@pytest.mark.parametrize(("problem", "sentence"), SENTENCES)
def test_a_problem_is_one_sentence(problem, sentence):
    assert str(problem) == sentence
    assert str(ConfigError(problems=[problem])) == sentence


def test_several_problems_are_a_line_each():
    error = ConfigError(problems=[Problem("one"), Problem("two", section="A", key="b")])
    assert str(error) == "one\n[A] b: two"
    assert [each.key for each in error.problems] == ["", "b"]


def test_an_error_tells_its_fields():
    error = ConfigError(section="A", key="b", value=3, expected="a list")
    [problem] = error.problems
    assert (problem.section, problem.key, problem.value) == ("A", "b", 3)
    assert problem.expected == "a list"


PLACE = {"file": "c.ini", "section": "A", "key": "a_class", "value": "Mine"}
PLACED = [
    (Problem("too many"), "c.ini: [A] a_class = Mine: too many"),
    (Problem("too many", key="b", value=3), "c.ini: [A] b = 3: too many"),
    (Problem("missing", key="b"), "c.ini: [A] b: missing"),
    (Problem("missing", section="B", key="b"), "c.ini: [B] b: missing"),
    (Problem("empty", file="g"), "g: empty"),
    (Problem("is missing", section="B"), "c.ini: section [B] is missing"),
    (Problem("no module", value="x"), "c.ini: [A] a_class = x: no module"),
]


@pytest.mark.parametrize(("problem", "sentence"), PLACED)
def test_a_place_is_filled_in_where_a_problem_names_none(problem, sentence):
    with pytest.raises(GraphError) as error, located(**PLACE):
        raise GraphError(problems=[problem])
    assert str(error.value) == sentence


def test_an_error_passes_between_processes_whole():
    error = ConfigError("busy", section="A", key="b")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.problems) == (str(error), error.problems)


def test_a_failed_node_has_its_cause_apart_from_its_log():
    error = NodeFailed("uid 1; died", "1.log", "    x")
    assert error.cause == "uid 1; died"
    assert str(error) == "uid 1; died; its log, 1.log, ends:\n    x"
    assert str(NodeFailed("a model has NaN")) == "a model has NaN"


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
