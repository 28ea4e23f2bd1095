"""Mapping: what a mapping of one's own gets for two methods."""

import pytest

from decentralizepy.mappings import Mapping


class RoundRobin(Mapping):
    """Node u runs on machine u % n_machines."""

    def get_uid(self, rank, machine_id):
        return rank * self.n_machines + machine_id

    def get_machine_and_rank(self, uid):
        return uid // self.n_machines, uid % self.n_machines


def test_the_rest_follows_from_two_methods():
    mapping = RoundRobin(5, n_machines=2, current_machine=1)
    assert mapping.get_n_procs() == 5
    assert [mapping.get_uids(machine) for machine in range(2)] == [[0, 2, 4], [1, 3]]
    assert mapping.get_procs_count(0) == 3
    assert mapping.get_local_procs_count() == 2


def test_one_argument_is_enough():
    """Mappings written for the public system call ``super().__init__(n_procs)``."""
    mapping = RoundRobin(5)
    assert (mapping.n_procs, mapping.n_machines, mapping.current_machine) == (5, 1, 0)


def test_a_mapping_without_its_two_methods_is_refused():
    with pytest.raises(TypeError, match="abstract"):
        Mapping(4)
