"""Breaks when a comparison has other numbers than follow from the runs."""

import math

import pytest

from decentralizepy.results.methods import Method
from decentralizepy.results.read import Run
from decentralizepy.results.statistics import compare


def run(*nodes, sent=1000.0, name="a"):
    """Return a run whose nodes have these accuracies in rounds 10, 20, ..."""
    tables = {}
    for rank, accuracies in enumerate(nodes):
        rounds = [10 * n for n, _ in enumerate(accuracies, 1)]
        tables[str(rank)] = {
            "test_acc": dict(zip(rounds, accuracies, strict=True)),
            "total_bytes": {n: sent * n / rounds[-1] for n in rounds},
            "time": {n: 0.5 * n for n in rounds},
        }
    return Run(name, tables)


def method(name, *runs, seeds=None):
    return Method(name, runs, tuple(seeds or range(len(runs))))


def rows(*methods, **options):
    return compare(methods, **options).to_dict("records")


def test_final_best_worst_and_spread_of_a_seed():
    (row,) = rows(method("a", run([30, 70, 60], [50, 80, 50])))
    assert row["final"] == 55
    assert row["best"] == 75
    assert row["worst"] == 50
    assert row["spread"] == 5
    assert math.isnan(row["final_half"])  # of one seed there is no interval
    assert math.isnan(row["difference"])


def test_the_interval_is_over_seeds_and_not_over_nodes():
    """The means 60, 62, 64 have the deviation 2: half = 4.303 x 2 / sqrt(3)."""
    seeds = [run([mean - 9], [mean + 9]) for mean in (60.0, 62.0, 64.0)]
    (row,) = rows(method("a", *seeds))
    assert row["final"] == 62
    assert row["final_half"] == pytest.approx(4.968, abs=1e-3)
    assert row["spread"] == 9


def test_the_difference_is_paired_by_seed():
    """1, 2 and 0: deviation 1, half = 4.303 / sqrt(3); t = 1.732, p = 0.2254 (2 d.f.)."""
    base = method("a", *(run([x]) for x in (60, 62, 64)), seeds=(1, 2, 3))
    other = method("b", *(run([x]) for x in (64, 61, 64)), seeds=(2, 1, 3))
    first, second = rows(base, other)
    assert math.isnan(first["difference"])
    assert second["difference"] == 1
    assert second["difference_half"] == pytest.approx(2.484, abs=1e-3)
    assert second["p"] == pytest.approx(0.2254, abs=1e-4)


def test_seeds_that_only_one_method_has_do_not_count():
    base = method("a", run([60.0]), run([70.0]), seeds=(1, 2))
    other = method("b", run([65.0]), run([99.0]), seeds=(1, 7))
    row = rows(base, other)[1]
    assert row["difference"] == 5
    assert math.isnan(row["p"])  # of one pair
    _, row = rows(base, method("c", run([1.0]), seeds=(9,)))
    assert math.isnan(row["difference"])


def test_another_baseline():
    first, second = rows(method("a", run([60.0])), method("b", run([70.0])), baseline=1)
    assert first["difference"] == -10
    assert math.isnan(second["difference"])


def test_equal_bytes_are_those_of_the_method_that_sends_least():
    large = method("a", run([30, 40, 50, 60], sent=4000.0))
    small = method("b", run([20, 30], sent=2000.0))
    first, second = rows(large, small)
    assert first["budget"] == 2000
    assert first["equal"] == 40
    assert second["equal"] == 30
    assert math.isnan(rows(large, method("b", run([1], sent=500.0)))[0]["equal"])


def test_what_a_target_takes_is_that_of_the_seeds_that_reach_it():
    seeds = (run([30, 60, 70]), run([50, 55, 59]), run([61, 10, 20]))
    (row,) = rows(method("a", *seeds), target=60)
    assert row["reached"] == 2
    assert row["rounds"] == 15  # of 20 and 10
    assert row["bytes"] == pytest.approx((2000 / 3 + 1000 / 3) / 2)
    assert row["seconds"] == 7.5
    (row,) = rows(method("a", *seeds), target=90)
    assert row["reached"] == 0
    assert math.isnan(row["rounds"])


def test_a_servers_accuracy_is_no_nodes():
    nodes = run([50.0])
    served = Run("fl", {"-1": nodes.nodes["0"], "0": {"total_bytes": {10: 5.0}}})
    (row,) = rows(method("fl", served), target=40)
    assert math.isnan(row["final"])
    assert math.isnan(row["best"])
    assert row["mean_model"] == 50
    assert row["reached"] == 1


def test_a_run_that_was_not_tested_has_only_bytes():
    untested = Run("a", {"0": {"total_bytes": {1: 7.0}}})
    (row,) = rows(method("a", untested), target=40)
    assert row["sent"] == 7
    assert math.isnan(row["final"])
    assert row["reached"] == 0
