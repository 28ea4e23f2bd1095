"""benchmarks/round.py and work.py: breaks when time is counted twice, or for another part."""

import pytest

from benchmarks import machine, round as benchmark, seams, work


class Time:
    """A clock that a test sets."""

    now = 0.0

    def thread_time(self):
        return self.now


class Part:
    """What a node calls: an outer method that calls an inner one."""

    def __init__(self, time):
        self.time = time

    def outer(self):
        self.time.now += 1
        self.inner()
        self.time.now += 2

    def inner(self):
        self.time.now += 10


@pytest.fixture
def time(monkeypatch):
    time = Time()
    monkeypatch.setattr(seams, "time", time)
    return time


def test_an_inner_part_does_not_count_for_an_outer_one(time, monkeypatch):
    clock, part = seams.Clock(), Part(time)
    for name in ("outer", "inner"):
        monkeypatch.setattr(Part, name, getattr(Part, name))  # undone at the end
        clock.watch(Part, name, name)
    part.outer()
    time.now += 5
    assert clock.lap() == {"rest": 5, "outer": 3, "inner": 10}
    part.inner()
    assert clock.lap() == {"rest": 0, "inner": 10}


def test_a_part_that_fails_is_left(time):
    clock = seams.Clock()
    place = type("Place", (), {"fail": lambda self: 1 / 0})
    clock.watch(place, "fail", "failing")
    with pytest.raises(ZeroDivisionError):
        place().fail()
    time.now += 5
    assert clock.lap() == {"rest": 5, "failing": 0}


def test_outliers_do_not_count():
    laps = [{"step": seconds} for seconds in (0, 3, 6, 1000)]
    assert benchmark.middle(laps, "step") == 4.5 / work.STEPS
    assert benchmark.middle(laps, "what is not measured") == 0


def test_a_round_costs_what_a_longer_run_takes_beyond_a_shorter_one():
    short, long = work.Cost(10, 20, 8, 100), work.Cost(30, 60, 9, 200)
    assert long.beyond(short, 10) == work.Cost(2, 4, 9, 200)


def test_checkouts_run_in_turn_and_medians_are_compared(tmp_path, capsys):
    seconds = {"ours": [1, 9, 2], "theirs": [4, 6, 5]}
    order = []

    def cost(checkout):
        order.append(checkout.name)
        wall = seconds[checkout.name].pop(0)
        return work.Cost(wall, 2 * wall, 0, 1)

    checkouts = [tmp_path / "ours", tmp_path / "theirs"]
    costs = work.alternate(checkouts, cost, 3)
    assert order == ["ours", "theirs"] * 3
    assert [cost.wall for cost in costs] == [2, 5]
    work.print_ratios(costs)
    told = [line.split()[-2:] for line in capsys.readouterr().out.splitlines()]
    assert told == [["wall", "2.50"], ["cpu", "2.50"], ["peak", "1.00"]]


def test_figures_name_the_libraries_that_matter():
    told = machine.describe()
    assert "torch 2" in told
    assert "missing" not in told
