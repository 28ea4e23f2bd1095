"""Breaks when a launcher takes itself for another machine, or for one of another number."""

import pytest

from decentralizepy.errors import ConfigError
from decentralizepy.placement.find import find, plan
from decentralizepy.placement.place import START_S


def test_without_a_word_about_machines_there_is_no_other():
    assert find({"machines": 3, "machine_id": 1}, {}) is None  # by hand
    assert find({"rendezvous": "here:29400", "machines": 1}, {}) is None


@pytest.mark.parametrize("address", ["10.0.0.1:29400", "[fd00::1]:29400"])
def test_a_rendezvous_says_where_machine_0_is(address):
    place = find({"rendezvous": address, "machines": 3, "machine_id": 2}, {})
    assert (str(place.board), place.machines, place.machine) == (address, 3, 2)
    assert find({"rendezvous": address, "machines": 3}, {}).machine is None


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        (
            {"rendezvous": "here", "machines": 2},
            "--rendezvous here: expected HOST:PORT",
        ),
        ({"rendezvous": "here:0", "machines": 2}, "--rendezvous here:0: expected HOST"),
        ({"rendezvous": ":5", "machines": 2}, "--rendezvous :5: expected HOST:PORT"),
        ({"rendezvous": "here:5"}, "--rendezvous here:5: also needs the number of"),
    ],
)
def test_a_rendezvous_that_cannot_be(chosen, line):
    with pytest.raises(ConfigError) as error:
        find(chosen, {})
    assert str(error.value).startswith(line)


def test_the_plan_is_that_of_flags_and_file(tmp_path):
    file = tmp_path / "run.ini"
    file.write_text(
        "[RUN]\nprocs_per_machine = 4 8\nlog_dir = runs/a\n[FAULTS]\nstart_timeout = 7\n"
    )
    read = plan({"config_file": str(file)})
    assert read == ((4, 8), "runs/a", "runs/a/weights", 7)
    flags = {"procs_per_machine": [2], "log_dir": "b", "weights_store_dir": "w"}
    assert plan({"config_file": str(file), **flags}) == ((2,), "b", "w", 7)
    assert read.nodes(2, {1}) == "8 of 12 nodes"


def test_a_damaged_file_is_for_later():
    """The other machines have to be told of it."""
    assert plan({"config_file": "none.ini", "log_dir": "x"}).limit == START_S
