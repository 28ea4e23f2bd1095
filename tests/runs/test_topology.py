"""Breaks when the numbers after -ps do not decide which node runs on which machine."""

from argparse import Namespace

import pytest

from decentralizepy.errors import ConfigError
from decentralizepy.factory import Part
from decentralizepy.mappings.Linear import Linear
from decentralizepy.mappings.Manual import Manual
from decentralizepy.runs.topology import make_mapping


def mapping(counts, machines=3, part=None, mapping_class=None):
    args = Namespace(
        machines=machines, procs_per_machine=counts, server_machine=0, machine_id=1
    )
    return make_mapping(part, args, mapping_class)


def test_a_number_for_each_machine_needs_no_section():
    made = mapping([4, 8, 6])
    assert type(made) is Manual
    assert (made.get_n_procs(), made.get_local_procs_count()) == (18, 8)
    assert made.get_uids(2) == [12, 13, 14, 15, 16, 17]


@pytest.mark.parametrize("counts", [[4], [4, 4, 4]])
def test_the_same_number_for_all_machines_is_as_ever(counts):
    made = mapping(counts)
    assert type(made) is Linear
    assert (made.get_n_procs(), made.get_local_procs_count()) == (12, 4)


@pytest.mark.parametrize(
    "chosen", [{"part": Part(Linear, {})}, {"mapping_class": Linear}]
)
def test_a_mapping_of_like_machines_refuses_unlike_ones(chosen):
    with pytest.raises(ConfigError, match="--procs_per_machine 4 8 6: expected one"):
        mapping([4, 8, 6], **chosen)
