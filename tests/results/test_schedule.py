"""Breaks when nodes evaluate in other rounds than upstream's, or others than were drawn."""

import pytest

from decentralizepy.randomness import stream
from decentralizepy.results.schedule import Evaluators, Schedule


def due(schedule, rounds):
    steps = [schedule.step() for _ in range(rounds)]
    numbers = range(1, rounds + 1)
    return (
        [number for number, (train, _) in zip(numbers, steps, strict=True) if train],
        [number for number, (_, test) in zip(numbers, steps, strict=True) if test],
    )


def test_evaluations_come_in_their_intervals():
    assert due(Schedule(3, 2), 9) == ([2, 4, 6, 8], [3, 6, 9])


def test_from_the_fiftieth_test_on_they_are_half_as_frequent():
    train, test = due(Schedule(1, 1), 56)
    assert test == [*range(1, 51), 52, 54, 56]
    assert train == [*range(1, 51), 52, 54, 56]


def drawn(evaluators, iteration):
    return [uid for uid in range(20) if evaluators.include(uid, iteration)]


def test_all_or_none_evaluate():
    assert drawn(Evaluators(), 3) == [*range(20)]
    assert Evaluators("all", 20).include(-1, 3)  # a parameter server
    assert drawn(Evaluators("mean_model", 20), 3) == []


def test_those_that_evaluate_are_drawn_anew_in_each_round():
    """From the stream of the seed and the round alone, so that any engine draws the same."""
    evaluators = Evaluators(5, 20, seed=90)
    rounds = [drawn(evaluators, iteration) for iteration in range(30)]
    assert [len(each) for each in rounds] == [5] * 30
    assert {uid for each in rounds for uid in each} == {*range(20)}
    generator = stream("evaluators", 90, round=7)
    assert rounds[7] == sorted(generator.choice(20, 5, replace=False))
    assert rounds[7] != drawn(Evaluators(5, 20, seed=91), 7)


@pytest.mark.parametrize(("which", "sampled"), [("all", False), (3, True)])
def test_a_number_is_a_sample(which, sampled):
    assert Evaluators(which).sampled == sampled
