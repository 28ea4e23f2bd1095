"""Breaks when SkipTrain trains in other rounds than it should, or beyond the budget."""

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

from decentralizepy.errors import ConfigError
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.SkipTrain import SkipTrain, active_rounds


def active(rounds, training, sync, budget=None, seed=0):
    generator = np.random.default_rng(seed)
    return active_rounds(rounds, training, sync, budget, generator)


def test_rounds_with_training_and_without_alternate():
    assert sorted(active(10, 2, 3)) == [0, 1, 5, 6]
    assert sorted(active(4, 1, 0)) == [0, 1, 2, 3]


@given(
    rounds=st.integers(1, 60),
    training=st.integers(1, 4),
    sync=st.integers(0, 4),
    budget=st.integers(1, 60),
    seed=st.integers(0, 99),
)
def test_a_budget_is_never_exceeded_and_one_for_all_rounds_is_no_limit(
    rounds, training, sync, budget, seed
):
    free = active(rounds, training, sync)
    bound = active(rounds, training, sync, budget, seed)
    assert bound <= free
    assert len(bound) <= budget
    assert bound == free or budget < len(free)


def test_a_budget_is_spread_over_the_run():
    """The published probability is 10 / (4 / 8 * 100), a fifth of 50 rounds."""
    used = [len(active(100, 4, 4, 10, seed)) for seed in range(200)]
    assert np.mean(used) == pytest.approx(9, abs=0.5)  # about 10, if not cut off there
    late = [max(active(100, 4, 4, 10, seed)) for seed in range(200)]
    assert np.median(late) > 80


def test_nodes_train_in_these_rounds_only(run_nodes):
    section = {
        "training_rounds": 2,
        "sync_rounds": 1,
        "training_budget": "[1, 9, 9, 9]",
    }
    nodes = run_nodes(Ring(4), SkipTrain, rounds=7, NODE=section)
    for uid, node in nodes.items():
        assert node.trainer.trainings == (5 if uid else len(node.active))
    assert len(nodes[0].active) <= 1


def test_without_rounds_to_skip_it_is_dpsgd_to_the_bit(run_nodes):
    plain = run_nodes(Ring(3))
    nodes = run_nodes(Ring(3), SkipTrain, NODE={"sync_rounds": 0})
    for uid, node in nodes.items():
        own, other = node.sharing.flat.vector(), plain[uid].sharing.flat.vector()
        assert torch.equal(own, other)


def test_one_budget_per_node_is_required():
    config = {"NODE": {"training_budget": "[1, 2]"}}  # as an INI file says it
    told = r"\[NODE\] training_budget = \[1, 2\]: 2 budgets for 3 nodes"
    with pytest.raises(ConfigError, match=told):
        SkipTrain.prepare(config, Ring(3))
