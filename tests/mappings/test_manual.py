"""Manual: uid <-> (rank, machine) with unequal machines."""

import pytest
from hypothesis import given, strategies as st

from decentralizepy.errors import ConfigError
from decentralizepy.mappings import Manual


def test_by_hand():
    mapping = Manual(2, [3, 5], current_machine=1)
    assert mapping.get_n_procs() == 8
    assert mapping.get_uid(2, 1) == 5
    assert mapping.get_machine_and_rank(5) == (2, 1), "rank first"
    assert mapping.get_uids(1) == [3, 4, 5, 6, 7]
    assert [mapping.get_procs_count(machine) for machine in range(2)] == [3, 5]
    assert mapping.get_local_procs_count() == 5


def test_attributes():
    mapping = Manual(3, [3, 5, 1], 2, 1)
    assert (mapping.n_machines, mapping.procs_per_machine) == (3, [3, 5, 1])
    assert (mapping.global_service_machine, mapping.current_machine) == (2, 1)


def test_a_service_is_its_rank():
    mapping = Manual(2, [3, 5], global_service_machine=1)
    assert mapping.get_uid(-1, 0) == -1
    assert mapping.get_machine_and_rank(-1) == (-1, 1)


def test_a_machine_may_run_no_node():
    mapping = Manual(3, [2, 0, 1])
    assert mapping.get_uids(1) == []
    assert mapping.get_machine_and_rank(2) == (0, 2)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=6).filter(any))
def test_inverse(procs):
    mapping = Manual(len(procs), procs)
    places = [mapping.get_machine_and_rank(uid) for uid in range(mapping.n_procs)]
    assert len(set(places)) == sum(procs)
    assert [mapping.get_uid(*place) for place in places] == list(range(len(places)))
    uids = [uid for machine in range(len(procs)) for uid in mapping.get_uids(machine)]
    assert uids == list(range(sum(procs))), "machine by machine"


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda m: m.get_machine_and_rank(8), "the 8 nodes on 2 machines are 0 to 7"),
        (lambda m: m.get_uid(3, 0), "no rank 3 on machine 0: it runs 3 processes"),
        (lambda m: m.get_uid(0, 2), "no machine 2: the 2 machines are 0 to 1"),
        (lambda m: Manual(3, [3, 5]), r"\[3, 5\]: expected 3 numbers"),
        (lambda m: Manual(2, [3, -5]), r"\[3, -5\]: expected 2 numbers"),
        (lambda m: Manual(0, []), "at least 1 machine"),
        (lambda m: Manual(2, [0, 0]), "at least 1 machine and 1 process"),
    ],
)
def test_out_of_range(ask, expected):
    with pytest.raises(ConfigError, match=expected):
        ask(Manual(2, [3, 5]))
