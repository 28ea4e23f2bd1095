"""Linear: uid <-> (rank, machine) with equal machines."""

import pytest
from hypothesis import given, strategies as st

from decentralizepy.errors import ConfigError
from decentralizepy.mappings import Linear


def test_by_hand():
    mapping = Linear(3, 4)
    assert mapping.get_n_procs() == 12
    assert mapping.get_uid(1, 2) == 9
    assert mapping.get_machine_and_rank(9) == (1, 2), "rank first"
    assert mapping.get_uids(2) == [8, 9, 10, 11]
    assert mapping.get_procs_count(2) == mapping.get_local_procs_count() == 4


def test_attributes():
    """Launch scripts pass the last two by position, node classes read them all."""
    mapping = Linear(3, 4, 2, 1)
    assert (mapping.n_machines, mapping.procs_per_machine) == (3, 4)
    assert (mapping.global_service_machine, mapping.current_machine) == (2, 1)


def test_a_service_is_its_rank():
    mapping = Linear(3, 4, global_service_machine=2)
    assert mapping.get_uid(-1, 0) == -1
    assert mapping.get_machine_and_rank(-1) == (-1, 2)


@given(st.integers(1, 9), st.integers(1, 9))
def test_inverse(n_machines, procs):
    mapping = Linear(n_machines, procs)
    places = [mapping.get_machine_and_rank(uid) for uid in range(mapping.n_procs)]
    assert len(set(places)) == n_machines * procs
    assert [mapping.get_uid(*place) for place in places] == list(range(len(places)))


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (
            lambda m: m.get_machine_and_rank(12),
            "the 12 nodes on 3 machines are 0 to 11",
        ),
        (lambda m: m.get_uid(4, 0), "no rank 4 on machine 0: it runs 4 processes"),
        (lambda m: m.get_uid(0, 3), "no machine 3: the 3 machines are 0 to 2"),
        (lambda m: m.get_uids(-1), "no machine -1"),
        (lambda m: Linear(0, 4), "at least 1 machine"),
        (lambda m: Linear(3, 0), "at least 1 machine and 1 process"),
        (lambda m: Linear(-1, -4), "at least 1 machine"),
        (lambda m: Linear(2, 4, global_service_machine=2), "no machine 2"),
        (lambda m: Linear(2, 4, current_machine=-1), "no machine -1"),
    ],
)
def test_out_of_range(ask, expected):
    with pytest.raises(ConfigError, match=expected):
        ask(Linear(3, 4))
