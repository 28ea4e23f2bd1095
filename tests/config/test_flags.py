"""Breaks when section RUN and the command line treat a flag differently."""

import pytest

from decentralizepy.config.flags import flags, run_problems, run_values
from decentralizepy.config.ini import typed
from decentralizepy.utils import get_args

# short, long, type, default: as upstream's scripts use them
UPSTREAM = [
    ("-mid", "machine_id", int, 0),
    ("-ps", "procs_per_machine", list, [1]),
    ("-ms", "machines", int, 1),
    ("-ld", "log_dir", str, None),
    ("-wsd", "weights_store_dir", str, None),
    ("-is", "iterations", int, 1),
    ("-cf", "config_file", str, "config.ini"),
    ("-ll", "log_level", str, "INFO"),
    ("-gf", "graph_file", str, "36_nodes.edges"),
    ("-gt", "graph_type", str, "edges"),
    ("-ta", "test_after", int, 5),
    ("-tea", "train_evaluate_after", int, 1),
    ("-ro", "reset_optimizer", int, 1),
    ("-sm", "server_machine", int, 0),
    ("-sr", "server_rank", int, -1),
    ("-wr", "working_rate", float, 1.0),
]


def test_the_first_sixteen_flags_are_upstreams():
    known = flags()
    names = [(flag.short, flag.name, type(flag.default)) for flag in known]
    assert names[:16] == [row[:3] for row in UPSTREAM]
    assert not any(flag.short for flag in known[16:])  # upstream may yet take them
    defaults = {flag.name: flag.default for flag in known}
    expected = {
        name: default for _, name, _, default in UPSTREAM if default is not None
    }
    assert defaults.items() >= expected.items()


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        ("iterations", 80, 80),
        ("procs_per_machine", 8, [8]),
        ("procs_per_machine", "8 4", [8, 4]),
        ("log_level", "warn", "WARNING"),
        ("log_level", "debug", "DEBUG"),
        ("log_dir", 5, "5"),
        ("working_rate", 1, 1.0),
        ("server_rank", -2, -2),
        ("resume", "runs/first", "runs/first"),
        ("batched", True, "on"),
        ("batched", False, "off"),
        ("batched", "Auto", "auto"),
        ("checkpoint_every", 10, 10),
        ("max_restarts", 0, 0),
        ("evaluate", "all", "all"),
        ("evaluate", "mean_model", "mean_model"),
        ("evaluate", 10, 10),
    ],
)
def test_a_value_in_the_file_means_what_it_means_on_the_command_line(key, value, read):
    assert run_values({key: value}) == {key: read}
    words = str(value).split()
    assert getattr(get_args([f"--{key}", *words]), key) == read


FAULTS = [
    ("iterations", 0, "0: expected a whole number from 1 up"),
    ("iterations", "abc", "abc: expected a whole number from 1 up"),
    ("iterations", 2.5, "2.5: expected a whole number from 1 up"),
    ("test_after", 0, "0: expected a whole number from 1 up"),
    ("train_evaluate_after", -1, "-1: expected a whole number from 1 up"),
    ("machines", 0, "0: expected a whole number from 1 up"),
    ("machine_id", -1, "-1: expected a whole number from 0 up"),
    ("procs_per_machine", "8 x", "x: expected a whole number from 0 up"),
    ("reset_optimizer", "y", "y: expected a whole number"),
    ("working_rate", 0, "0: expected a number above 0 and up to 1"),
    ("working_rate", 1.5, "1.5: expected a number above 0 and up to 1"),
    ("working_rate", "nan", "nan: expected a number above 0 and up to 1"),
    ("batched", "of", "of: expected off or on or auto"),
    ("checkpoint_every", -1, "-1: expected a whole number from 0 up"),
    ("max_restarts", "many", "many: expected a whole number from 0 up"),
    ("evaluate", 0, "0: expected all, mean_model or a number of nodes"),
    ("evaluate", "some", "some: expected all, mean_model or a number of nodes"),
    ("graph_type", "edge", "edge: expected edges or adjacency"),
    (
        "log_level",
        "LOUD",
        "LOUD: expected DEBUG or INFO or WARNING or ERROR or CRITICAL",
    ),
]


@pytest.mark.parametrize(("key", "value", "why"), FAULTS)
def test_a_fault_reads_alike_in_the_file_and_on_the_command_line(
    capsys, key, value, why
):
    assert [str(each) for each in run_problems({key: value})] == [f"{key} = {why}"]
    with pytest.raises(SystemExit) as stop:
        get_args([f"--{key}", *str(value).split()])
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert said.endswith(f"--{key}: {why}\n")
    assert said.count("\n") == 1


@pytest.mark.parametrize("switch", ["force", "overwrite", "allow_disconnected"])
def test_a_switch_takes_a_value_in_the_file_alone(switch):
    assert getattr(get_args([]), switch) is False
    assert getattr(get_args([f"--{switch}"]), switch) is True
    for text, meant in (("yes", True), ("True", True), ("1", True), ("off", False)):
        assert getattr(get_args([], {switch: typed(text)}), switch) is meant
    assert [str(each) for each in run_problems({switch: "maybe"})] == [
        f"{switch} = maybe: expected true or false"
    ]


def test_an_empty_value_is_absent():
    section = {"log_dir": "", "graph_file": None}
    assert list(run_problems(section)) == []
    assert run_values(section) == {}
