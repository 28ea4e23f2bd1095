"""Breaks when an algorithm that corrects local steps differs from its published recursion."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st

from decentralizepy.errors import NodeFailed
from decentralizepy.sharing.ExactDiffusion import ExactDiffusion
from decentralizepy.sharing.GradientTracking import GradientTracking
from decentralizepy.sharing.KGT import KGT
from decentralizepy.sharing.LED import LED
from tests.support.rings import Vector, make, make_graph, run, vectors

N, SIZE, RATE = 4, 2, 0.1
SEEDS = st.integers(0, 10_000)


def drawn(seed):
    """Return start, curvatures and targets of f_i(x) = a_i |x - t_i|^2 / 2."""
    rng = np.random.default_rng(seed)
    start, targets = rng.normal(size=(2, N, SIZE))
    return start, rng.uniform(0.5, 1.5, size=(N, 1)), targets


def descended(cls, problem, steps, rounds, **options):
    """Return the nodes after some rounds of gradient steps, and the models of each."""
    start, curvatures, targets = problem
    nodes = make(cls, [Vector(row) for row in start], **options)
    pulls = torch.tensor(curvatures).float(), torch.tensor(targets).float()
    found = []
    for _ in range(rounds):
        for node, curvature, target in zip(nodes, *pulls, strict=True):
            optimizer = torch.optim.SGD([node.model.w], lr=RATE)
            if hasattr(node, "after_step"):
                optimizer.register_step_post_hook(
                    lambda *_, node=node: node.after_step()
                )
            for _ in range(steps):
                node.model.w.grad = curvature * (node.model.w.detach() - target)
                optimizer.step()
        run(nodes)
        found.append(vectors(nodes))
    return nodes, found


def led(problem, steps, rounds, beta):
    x, a, t = problem
    y, mix = 0 * x, (np.eye(N) + make_graph(N).mixing_matrix()) / 2
    for _ in range(rounds):
        phi = x
        for _ in range(steps):
            phi = phi - RATE * a * (phi - t) - beta * y
        x = mix @ phi
        y = y + phi - x
        yield x


def kgt(problem, steps, rounds, step_size):
    start, a, t = problem
    x, c, w = start, 0 * start, make_graph(N).mixing_matrix()
    for _ in range(rounds):
        moved = x
        for _ in range(steps):
            moved = moved - RATE * (a * (moved - t) + c)
        z = (x - moved) / (steps * RATE)
        x = w @ (x - step_size * steps * RATE * z)
        c = c - z + w @ z
        yield x


PUBLISHED = {LED: (led, {"beta": 0.3}), KGT: (kgt, {"step_size": 0.7})}
every = pytest.mark.parametrize("cls", PUBLISHED)


@every
@given(seed=SEEDS)
@settings(max_examples=10)
def test_models_follow_the_published_recursion(cls, seed):
    problem = drawn(seed)
    recursion, options = PUBLISHED[cls]
    _, found = descended(cls, problem, 3, 6, **options)
    for ours, theirs in zip(found, recursion(problem, 3, 6, **options), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


@every
@given(seed=SEEDS, steps=st.integers(1, 4))
@settings(max_examples=10)
def test_the_corrections_of_all_nodes_sum_to_zero(cls, seed, steps):
    nodes, _ = descended(cls, drawn(seed), steps, 5)
    corrections = torch.stack([node.correction() for node in nodes])
    assert corrections.abs().max() > 1e-3
    assert corrections.sum(0).abs().max() < 1e-5


@every
def test_nodes_agree_on_the_optimum_of_unlike_data(cls):
    """With several local steps, averaging alone does not, on any graph."""
    _, a, t = problem = drawn(3)
    optimum = np.broadcast_to((a * t).sum(0) / a.sum(), t.shape)
    _, found = descended(cls, problem, 4, 200)
    assert found[-1] == pytest.approx(optimum, abs=1e-4)
    _, found = descended(ExactDiffusion, problem, 4, 200)
    assert np.abs(found[-1] - optimum).max() > 1e-2


@pytest.mark.parametrize(
    ("cls", "single"), [(LED, ExactDiffusion), (KGT, GradientTracking)]
)
def test_with_one_step_it_is_the_algorithm_that_it_extends(cls, single):
    _, ours = descended(cls, drawn(4), 1, 6)
    _, theirs = descended(single, drawn(4), 1, 6)
    assert np.array(ours) == pytest.approx(np.array(theirs), abs=1e-5)


@every
def test_training_without_the_optimizer_is_an_error(cls):
    """Else the corrections would have no effect."""
    node, *_ = make(cls, [Vector([1, 2]) for _ in range(N)])
    node.get_data_to_send()  # a round without training
    with torch.no_grad():
        node.model.w.add_(1)
    with pytest.raises(
        NodeFailed, match=f"{cls.__name__} corrects the steps of the node"
    ):
        node.get_data_to_send()
