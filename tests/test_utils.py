"""DecentralizePy's helpers, and the flags as a launch script sees them."""

import json
import os
import re

import pytest

from decentralizepy import utils
from decentralizepy.errors import ConfigError


def test_without_flags_every_default_counts():
    args = utils.get_args([])
    assert len(vars(args)) == 16 + 18 + 1  # upstream's, ours, and --set
    assert args.set == []
    assert args.procs_per_machine[0] == 1  # upstream's scripts index it
    assert (args.iterations, args.server_rank, args.working_rate) == (1, -1, 1.0)


def test_short_flags_as_run_scripts_write_them():
    words = (
        "-ro 0 -tea 2 -ld logs -mid 1 -ps 8 4 -ms 2 -is 5 -gf g -ta 2 -cf c -ll WARN"
    )
    args = utils.get_args([*words.split(), "-wsd", "w", "-sm", "1", "-sr", "-1"])
    assert (args.reset_optimizer, args.train_evaluate_after) == (0, 2)
    assert (args.procs_per_machine, args.log_level) == ([8, 4], "WARNING")
    assert (args.weights_store_dir, args.server_rank) == ("w", -1)


def test_the_folders_are_named_by_the_second_so_that_runs_do_not_mix():
    args = utils.get_args([])
    assert re.fullmatch(r"\./\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", args.log_dir)
    assert args.weights_store_dir == f"{args.log_dir}_ws"


def test_the_command_line_is_that_of_the_process_if_not_given(monkeypatch):
    monkeypatch.setattr("sys.argv", ["testing.py", "-is", "7"])
    assert utils.get_args().iterations == 7
    assert utils.given() == {"iterations": 7}


def test_in_a_notebook_the_command_line_is_the_kernels(monkeypatch):
    words = ["/lib/ipykernel_launcher.py", "-f", "/run/kernel-1.json"]
    monkeypatch.setattr("sys.argv", words)
    assert utils.given() == {}
    assert utils.get_args().iterations == 1


def test_the_file_wins_over_defaults_and_loses_to_flags():
    section = {"iterations": 80, "test_after": 20, "procs_per_machine": "8 8"}
    args = utils.get_args(["-ta", "3"], section)
    assert (args.iterations, args.test_after, args.machines) == (80, 3, 1)
    assert args.procs_per_machine == [8, 8]


def test_a_flag_that_repeats_the_default_still_wins_over_the_file():
    assert utils.get_args(["-is", "1"], {"iterations": 80}).iterations == 1


def test_faults_of_the_file_are_told_with_its_name():
    section = {"iteratons": 5, "test_after": 0}
    with pytest.raises(ConfigError) as error:
        utils.get_args(["-cf", "my.ini"], section)
    assert str(error.value).split("\n") == [
        "my.ini: [RUN] iteratons: no such flag; did you mean iterations?",
        "my.ini: [RUN] test_after = 0: expected a whole number from 1 up",
    ]


def test_flags_that_are_given_are_told_from_defaults():
    assert utils.given([]) == {}
    assert utils.given(["-gf", "36_nodes.edges", "--iterations=1"]) == {
        "graph_file": "36_nodes.edges",
        "iterations": 1,
    }


def test_a_command_adds_flags_of_its_own():
    parser = utils.make_parser()
    parser.add_argument("file")
    parser.add_argument("--draw", action="store_true")
    words = ["my.ini", "--draw", "-is", "3"]
    args = utils.get_args(words, {"test_after": 2}, parser)
    assert (args.file, args.draw, args.iterations, args.test_after) == (
        "my.ini",
        True,
        3,
        2,
    )
    assert utils.given(words, parser).keys() == {"file", "draw", "iterations"}


def test_a_flag_of_a_drivers_own_passes_through_with_a_warning(capsys):
    args = utils.get_args(["--tau", "0.5", "-is", "3", "--my-name=x", "--fast"])
    assert (args.tau, args.my_name, args.fast, args.iterations) == (0.5, "x", True, 3)
    assert capsys.readouterr().err == (
        "warning: --tau, --my_name, --fast: not a launch flag; passed on\n"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--itrations", "5"], "--itrations: no such flag; did you mean --iterations?"),
        (["-xyz", "5"], "-xyz: no such flag"),
        (["--tau", "1", "2"], "2: not a flag, and no flag takes it"),
        (["stray"], "stray: not a flag, and no flag takes it"),
    ],
)
def test_a_flag_that_is_nearly_known_stays_an_error(capsys, words, line):
    with pytest.raises(SystemExit) as stop:
        utils.get_args(words)
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"{line}\n"


def test_a_path_has_its_shell_abbreviations_replaced(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    args = utils.get_args(["-ld", "~/a", "-wsd", "$HOME/b"], {"graph_file": "~/g"})
    assert (args.log_dir, args.weights_store_dir) == ("/home/me/a", "/home/me/b")
    assert args.graph_file == "/home/me/g"


def test_the_help_names_every_flag_and_default(capsys):
    with pytest.raises(SystemExit) as stop:
        utils.get_args(["-h"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert "--working_rate" in text
    assert "36_nodes.edges" in text


def test_every_argument_is_written(tmp_path):
    args = utils.get_args(["-sm", "1", "-sr", "-2"])
    args.other = {1, 2}  # a script may add what JSON does not know
    utils.write_args(args, tmp_path)
    written = json.loads((tmp_path / "args.json").read_text())
    assert written == {**vars(args), "other": "{1, 2}"}
    assert (written["server_machine"], written["server_rank"]) == (1, -2)
    assert os.listdir(tmp_path) == ["args.json"]


def test_conditional_value():
    assert utils.conditional_value("", "", 3) == 3
    assert utils.conditional_value(0, "", 3) == 0


def test_remove_keys_copies():
    section = {"a": 1, "b": 2}
    assert utils.remove_keys(section, ["b", "c"]) == {"a": 1}
    assert section == {"a": 1, "b": 2}


def test_identity():
    thing = object()
    assert utils.identity(thing) is thing
