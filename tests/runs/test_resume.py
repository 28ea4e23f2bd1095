"""Breaks when a run is resumed with other flags than it was started with."""

import json

import pytest

from decentralizepy import utils
from decentralizepy.errors import ConfigError
from decentralizepy.runs.resume import choose, complete, flags, split


def begun(folder, words):
    args = utils.get_args(words.split())
    utils.write_args(args, folder)
    return args


def test_all_flags_of_the_run_count_again(tmp_path):
    words = (
        "-cf some/where.ini -is 7 -ps 2 3 -gf none.edges --allow_disconnected -ll DEBUG"
        " --checkpoint_every 3 --set RUN.x=1 --set SHARING.alpha=0.1 --overwrite -wr 0.5"
    )
    first = begun(tmp_path, words)
    again = utils.merged({}, flags(str(tmp_path)))
    changed = {"config_file", "log_dir", "graph_file", "overwrite"}
    for name, value in vars(first).items():
        assert name in changed or getattr(again, name) == value, name
    assert again.config_file == str(tmp_path / "where.ini")
    assert again.log_dir == str(tmp_path)
    assert again.graph_file == str(tmp_path / "none.edges")  # the copy
    assert not again.overwrite


def test_flags_that_are_given_count_more(tmp_path):
    begun(tmp_path, "-is 7 -ps 2")
    again = utils.merged({}, complete({"resume": str(tmp_path), "iterations": 9}))
    assert (again.iterations, again.procs_per_machine) == (9, [2])


@pytest.mark.parametrize("content", [None, "{", json.dumps({"iterations": 3})])
def test_a_folder_that_is_of_no_run_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "args.json").write_text(content)
    with pytest.raises(
        ConfigError, match=r"^--resume \S+: not the log folder of a run"
    ):
        flags(str(tmp_path))


def test_the_folder_of_another_machine_is_refused(tmp_path):
    begun(tmp_path, "-ms 2 -mid 0")
    assert complete({"resume": str(tmp_path), "machine_id": 0})["machines"] == 2
    with pytest.raises(ConfigError, match="the log folder of machine 0; expected"):
        complete({"resume": str(tmp_path), "machine_id": 1})


def test_a_round_may_be_chosen(tmp_path):
    assert split("logs@8") == ("logs", 8)
    assert split("logs@home") == ("logs@home", None)
    assert split("@8") == ("@8", None)
    (tmp_path / "logs@8").mkdir()
    assert split(str(tmp_path / "logs@8")) == (str(tmp_path / "logs@8"), None)
    begun(tmp_path, "-is 7")
    assert complete({"resume": f"{tmp_path}@8"})["log_dir"] == str(tmp_path)
    assert choose([12, 8], None, "logs") == [12, 8]
    assert choose([12, 8], 8, "logs@8") == [8]
    with pytest.raises(
        ConfigError, match=r"^--resume logs@9: .*one of the rounds 8, 12"
    ):
        choose([12, 8], 9, "logs@9")
    with pytest.raises(ConfigError, match="no round of which all nodes have"):
        choose([], None, "logs")
