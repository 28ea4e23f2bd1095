"""Breaks when an observer records something else than it received, or changes the run."""

import numpy as np
import pytest
import torch

from decentralizepy.graphs.Ring import Ring
from decentralizepy.results import observed
from decentralizepy.sharing.SubSampling import SubSampling
from tests.support.rings import Vector, deliver, make

NODES = {"OBSERVER": {"nodes": "1, 3"}}


def sharing(name, **options):
    package = f"decentralizepy.sharing.{name}"
    return {"sharing_package": package, "sharing_class": name, **options}


def by_round(folder, uid=1):
    numbers = observed.rounds(folder)[uid]
    return {number: observed.read(folder, uid, number) for number in numbers}


def test_what_is_recorded_is_what_was_averaged(run_nodes, tmp_path):
    """In a ring, the weights are 1/3: the final model is the mean of the last round's."""
    plain = run_nodes(Ring(4), rounds=3)
    nodes = run_nodes(Ring(4), rounds=3, **NODES)
    assert observed.rounds(tmp_path) == {1: [1, 2, 3], 3: [1, 2, 3]}
    last = by_round(tmp_path)[3]
    assert (sorted(last.vectors), last.kind, last.sent) == ([0, 2], "model", {})
    mean = (last.own + last.vectors[0] + last.vectors[2]) / 3
    np.testing.assert_allclose(nodes[1].sharing.flat.vector(), mean, atol=1e-6)
    for uid, node in nodes.items():
        assert torch.equal(node.model.fc.weight, plain[uid].model.fc.weight)


@pytest.mark.parametrize(
    "options",
    [
        sharing("SubSampling", alpha=0.3),
        sharing("Shatter", vnodes_per_node=2),
    ],
    ids=lambda options: options["sharing_class"],
)
def test_of_a_sparse_message_only_what_was_sent_is_the_senders(
    run_nodes, tmp_path, options
):
    run_nodes(Ring(4), rounds=2, SHARING=options, **NODES)
    for each in by_round(tmp_path).values():
        for uid, vector in each.vectors.items():
            own = vector == each.own
            assert 0 < each.sent[uid].sum() < 10
            assert own[~each.sent[uid]].all()
            assert not own[each.sent[uid]].any()


def test_entries_of_another_basis_are_not_those_of_the_model():
    """Breaks when a mask of coefficients is taken for one of parameters."""

    class Doubled(SubSampling):
        def transform(self, vector):
            return 2 * vector

        def inverse(self, coefficients):
            return coefficients / 2

    for cls, known in ((SubSampling, True), (Doubled, False)):
        one, two, _ = make(cls, [Vector([1, 2, 3, 4]) for _ in range(3)], alpha=0.5)
        places = two.sent_entries(deliver(one.get_data_to_send()))
        assert (places is not None) is known


def test_differences_are_recorded_under_their_name(run_nodes, tmp_path):
    """CHOCO's first public copy is 0, so differences with all entries add up to models."""
    options = sharing("Choco", alpha=1.0, step_size=0.5)
    run_nodes(Ring(4), rounds=3, SHARING=options, **NODES)
    kept, other = by_round(tmp_path), by_round(tmp_path, 3)
    assert {each.kind for each in kept.values()} == {"q"}
    total = sum(each.vectors[0] for each in kept.values())
    assert not np.allclose(total, kept[3].vectors[0])
    assert all((kept[n].vectors[0] == other[n].vectors[0]).all() for n in kept)


def test_every_second_round(run_nodes, tmp_path):
    run_nodes(Ring(4), rounds=4, OBSERVER={"nodes": 2, "every": 2})
    assert observed.rounds(tmp_path) == {2: [1, 3]}


def test_a_damaged_file_is_named(tmp_path):
    path = tmp_path / "observed" / "1" / "4.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK")
    with pytest.raises(observed.DataError, match=r"1/4\.npz: damaged"):
        by_round(tmp_path)
